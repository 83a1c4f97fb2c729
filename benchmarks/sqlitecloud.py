"""Downloads from SQLite Cloud: Litekeep's client, the stock driver's, and a bare TLS copy of the same bytes.

    python -m benchmarks.sqlitecloud [--megabytes N] [--rounds N] [--folder DIR]

The node is the tests' server on this machine. It and each client run in a process of their own. The time is measured
from the end of the node's snapshot until the last byte is in a file. The bare copy is a server that only sends the file
over TLS 1.3, and a client that only receives it into a file.
"""

import argparse
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlsplit

import apsw

from benchmarks.contenders import ROOT
from benchmarks.report import table

STEPS = (64 << 10, 512 << 10, 8 << 20)
WAYS = ("bare", "stock", "ours")
_NAME = "bench.db"
_MEGABYTE = 1_000_000
_BUFFER = 256 << 10


@dataclass(frozen=True)
class Figures:
    """For one step size: median bytes per second of each way, and the maximum memory of Litekeep's client."""

    step: int
    rates: dict[str, float]
    memory: float  # bytes


def measure_downloads(folder: Path, megabytes: int, rounds: int, say: Callable[[str], None]) -> list[Figures]:
    """Measures all ways alternately for every step size, after one warm-up of each."""
    data = folder / "node"
    data.mkdir(parents=True)
    _make(data / _NAME, megabytes)
    return [_measured(data, folder, step, rounds, say) for step in STEPS]


def download_table(found: list[Figures]) -> str:
    """Returns the results as a Markdown table."""
    rows = [
        [
            f"{one.step >> 10} KiB",
            *(f"{one.rates[way] / _MEGABYTE:.0f} MB/s" for way in WAYS),
            f"{one.rates['ours'] / one.rates['bare']:.2f}",
            f"{one.rates['ours'] / one.rates['stock']:.2f}",
            f"{one.memory / _MEGABYTE:.0f} MB",
        ]
        for one in found
    ]
    heads = ["steps of", "bare TLS copy", "stock driver", "Litekeep", "to the bare", "to the stock", "memory"]
    return table(heads, rows)


def section(folder: Path, quick: bool, say: Callable[[str], None]) -> str:
    """Measures and returns this section of docs/benchmarks.md."""
    megabytes, rounds = (64, 2) if quick else (500, 5)
    return f"{megabytes} MB.\n\n{download_table(measure_downloads(folder / 'cloud', megabytes, rounds, say))}"


def _make(path: Path, megabytes: int) -> None:
    """Makes a database of random bytes, so that nothing on the way can compress it."""
    chance = random.Random(1)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE t (b)").fetchall()
    with connection:
        for _ in range(max(1, megabytes * _MEGABYTE // (1 << 20))):
            connection.execute("INSERT INTO t VALUES (?)", (chance.randbytes(1 << 20),))
    connection.close()


def _measured(data: Path, folder: Path, step: int, rounds: int, say: Callable[[str], None]) -> Figures:
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    memory = 0.0
    with _node(data, step) as url, _plain_server(data, step) as port:
        for number in range(rounds + 1):
            say(f"steps of {step >> 10} KiB: {f'round {number}' if number else 'warm-up'}")
            for way in WAYS:
                found = _run("client", way, url, str(port), str(folder / "arrived.db"))
                if number:
                    rates[way].append(found["bytes"] / found["seconds"])
                if way == "ours":
                    memory = max(memory, found["memory"])
    return Figures(step, {way: median(each) for way, each in rates.items()}, memory)


@contextmanager
def _node(data: Path, step: int) -> Iterator[str]:
    arguments = ["--port", "0", "--data", str(data), "--download-chunk", str(step), "--ready"]
    with _process("-m", "tests.servers.sqlitecloud", *arguments) as first_line:
        yield first_line.removeprefix("DATABASE_URL=")


@contextmanager
def _plain_server(data: Path, step: int) -> Iterator[int]:
    with _process("-m", "benchmarks.sqlitecloud", "serve", str(data), str(step)) as first_line:
        yield int(first_line)


@contextmanager
def _process(*arguments: str) -> Iterator[str]:
    """Runs a program during the block; yields the line that it prints when it is ready."""
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _run(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sqlitecloud", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


# The following functions run in processes of their own.


def _serve(data: Path, step: int) -> None:
    """Sends the file to each client in pieces of `step` bytes, one connection at a time."""
    from tests.servers.sqlitecloud.certificates import Certificates, context  # noqa: PLC0415

    settings = context(*Certificates(data / ".sqlitecloud" / "tls").make("good"), None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            raw, _ = listener.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with settings.wrap_socket(raw, server_side=True) as sock, (data / _NAME).open("rb", 0) as file:
                buffer = bytearray(step)
                with memoryview(buffer) as view:
                    while count := file.readinto(view):
                        sock.sendall(view[:count])


def _client(way: str, url: str, port: int, target: Path) -> None:
    target.unlink(missing_ok=True)
    seconds = _bare(url, port, target) if way == "bare" else {"stock": _stock, "ours": _ours}[way](url, target)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    found = {"seconds": seconds, "bytes": target.stat().st_size, "memory": int(peak.split()[1]) << 10}
    target.unlink()
    print(json.dumps(found))


def _bare(url: str, port: int, target: Path) -> float:
    authority = parse_qs(urlsplit(url).query)["root_certificate"][0]
    settings = ssl.create_default_context(cafile=authority)
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        settings.wrap_socket(raw, server_hostname="localhost") as sock,
        target.open("wb", 0) as file,
    ):
        buffer = bytearray(_BUFFER)
        with memoryview(buffer) as view:
            began = time.perf_counter()
            while count := sock.recv_into(view):
                file.write(view[:count])
            return time.perf_counter() - began


def _stock(url: str, target: Path) -> float:
    from sqlitecloud.datatypes import SQLiteCloudConfig  # noqa: PLC0415
    from sqlitecloud.driver import Driver  # noqa: PLC0415

    parts = urlsplit(url)
    driver: Any = Driver()  # its parts are replaced below
    connection = driver.connect(parts.hostname, parts.port, SQLiteCloudConfig(url))
    run, began = driver._internal_run_command, [0.0]

    def timed(*arguments: object, **options: object) -> object:
        result = run(*arguments, **options)
        began[0] = began[0] or time.perf_counter()  # the reply to the first command: the snapshot is complete
        return result

    driver._internal_run_command = timed
    with target.open("wb") as file:

        def save(_file: object, data: bytes, *_: int) -> None:
            file.write(data)

        driver.download_database(connection, _NAME, file, save, if_exists=False)
    seconds = time.perf_counter() - began[0]
    driver.disconnect(connection)
    return seconds


def _ours(url: str, target: Path) -> float:
    from shared.databases.location import parse_location  # noqa: PLC0415
    from shared.sqlite.image import create_image  # noqa: PLC0415
    from shared.sqlitecloud.fetch import fetch  # noqa: PLC0415
    from shared.sqlitecloud.session import Announced, Session  # noqa: PLC0415

    location = parse_location(url)
    spent = [0.0]
    save = Session.save_download

    def timed(session: Session, announced: Announced, *arguments: object, **options: object) -> None:
        began = time.perf_counter()
        save(session, announced, *arguments, **options)  # type: ignore[arg-type]
        spent[0] = time.perf_counter() - began

    Session.save_download = timed  # type: ignore[method-assign, assignment]
    create_image(target)
    fetch(location, target, lambda *_: None)  # type: ignore[arg-type]
    return spent[0]


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        _serve(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["client"]:
        way, url, port, target = sys.argv[2:]
        _client(way, url, int(port), Path(target))
    else:
        _measure()


def _measure() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sqlitecloud", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5, help="after one that does not count")
    parser.add_argument("--folder", type=Path, help="work below this one [TMPDIR]")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="litekeep-bench-", dir=given.folder))
    try:
        found = measure_downloads(folder, given.megabytes, given.rounds, lambda line: print(line, file=sys.stderr))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{given.megabytes} MB, load {os.getloadavg()[0]:.1f}, threads {threading.active_count()}\n")
    print(download_table(found))


if __name__ == "__main__":
    main()
