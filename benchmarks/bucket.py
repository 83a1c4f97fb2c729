"""Upload throughput to a local Cloud Storage server: Litekeep's store compared with the library's plain upload."""

import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import google_crc32c

from tests.servers.gcs.server import make_bucket, running_server

Way = Callable[[int], None]


@dataclass(frozen=True)
class Upload:
    """Median seconds to upload `size` bytes, through Litekeep's store and with the plain library call."""

    size: int
    ours: float
    plain: float


def measure_upload(folder: Path, megabytes: int, rounds: int) -> Upload:
    """Measures both ways alternately, after one warm-up of each."""
    folder.mkdir()
    source = folder / "object"
    source.write_bytes(random.Random(1).randbytes(megabytes << 20))
    crc32c = google_crc32c.value(source.read_bytes())
    with running_server(folder / "server.log") as port:
        make_bucket(port, "bench")
        os.environ["STORAGE_EMULATOR_HOST"] = f"http://127.0.0.1:{port}"
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - it reads the variable above
        from google.cloud.storage import Client  # noqa: PLC0415

        from shared.stores import open_store  # noqa: PLC0415

        bucket = Client(project="bench", credentials=AnonymousCredentials()).bucket("bench")  # type: ignore[no-untyped-call]
        store = open_store("gs://bench")

        def ours(number: int) -> None:
            store.create_from_file(f"ours-{number}", copy, crc32c, {})

        def plain(number: int) -> None:
            bucket.blob(f"plain-{number}").upload_from_filename(str(copy))

        seconds: dict[Way, list[float]] = {ours: [], plain: []}
        for number in range(rounds + 1):
            for way, found in seconds.items():
                copy = Path(shutil.copyfile(source, folder / "copy"))  # a folder store moves the file that it gets
                began = time.perf_counter()
                way(number)
                if number:
                    found.append(time.perf_counter() - began)
    return Upload(megabytes << 20, median(seconds[ours]), median(seconds[plain]))
