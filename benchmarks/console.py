"""The console with a large store: `python -m benchmarks.console` prints the figures of docs/console.md.

The bucket is served by fake-gcs-server on this machine, behind a proxy that counts requests. The console runs in a
separate process.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.shelf import manifest_of
from shared.catalog.summary import beside_manifest
from shared.model.manifest import Manifest
from tests.servers.gcs.proxy import running_proxy
from tests.servers.gcs.server import make_bucket, running_server

BUCKET = "acme-backups"
_DATABASES = 100


def main() -> None:
    """`python -m benchmarks.console [BACKUPS [IN_BUCKET]]`: the number of backups in a folder, and in a bucket."""
    if sys.argv[1:] == ["look"]:
        print(json.dumps(_visit_pages()))
        return
    counts = [*map(int, sys.argv[1:]), 10_000, 1_000]
    with tempfile.TemporaryDirectory() as name:
        _fill_folder(Path(name) / "backups", counts[0])
        _report(
            f"{counts[0]} backups of {_DATABASES} databases in a folder", _measure_pages(str(Path(name) / "backups"))
        )
    with tempfile.TemporaryDirectory() as name, running_server(Path(name) / "log") as port:
        make_bucket(port, BUCKET)
        _fill_bucket(counts[1], port)
        with running_proxy(port) as proxy:
            found = _measure_pages(f"gs://{BUCKET}", STORAGE_EMULATOR_HOST=proxy.url)
            lists = f"/storage/v1/b/{BUCKET}/o?"
            asked = proxy.asked(lambda seen: seen.method == "GET" and seen.target.startswith(lists))
        _report(f"{counts[1]} backups in a bucket, {2 * counts[1]} objects: {len(asked)} listing requests", found)


def _report(what: str, found: dict[str, Any]) -> None:
    print(what)
    for page, view in found["views"].items():
        print(f"| {page} | {view['processor']:.2f} s | {view['wall']:.2f} s |")
    print(f"memory of the process: {found['memory_mb']:.0f} MB", flush=True)


def _measure_pages(store: str, **settings: str) -> dict[str, Any]:
    own = os.environ | {"BACKUP_STORE": store, "BACKUP_KEY": "none"} | settings
    command = [sys.executable, "-m", "benchmarks.console", "look"]
    found: dict[str, Any] = json.loads(subprocess.run(command, env=own, stdout=subprocess.PIPE, check=True).stdout)
    return found


def _visit_pages() -> dict[str, object]:
    """Measures the pages in this process: CPU seconds and elapsed seconds."""
    from console.serve import on_laptop  # noqa: PLC0415 - only the process that is measured
    from shared.settings import read_settings  # noqa: PLC0415

    app, address = on_laptop(read_settings(), "ana", 8080, may_change=False)
    client, base = app.test_client(), "http://127.0.0.1:8080"
    client.get(address.removeprefix(base), base_url=base)
    views = {}
    pages = {
        "overview, first view": "/",
        "overview again": "/",
        "database": "/database?name=db-000",
        "drills": "/drills",
    }
    for what, path in pages.items():
        processor, wall = time.process_time(), time.perf_counter()
        answer = client.get(path, base_url=base)
        assert answer.status_code == 200, answer.text
        views[what] = {"processor": time.process_time() - processor, "wall": time.perf_counter() - wall}
    return {"views": views, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}


def _manifests(numbers: Iterable[int]) -> Iterator[Manifest]:
    now = datetime.now(UTC).replace(microsecond=0)
    for number in numbers:
        taken = now - timedelta(hours=6 * (number // _DATABASES) + 1)
        yield manifest_of(taken, f"db-{number % _DATABASES:03}")


def _fill_folder(store: Path, count: int) -> None:
    """Writes the backups without syncing, which would take most of the time."""
    for manifest in _manifests(range(count)):
        path = store / manifest.name.manifest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(manifest.to_json())
        (store / manifest.artifacts[0].object).write_bytes(b"0123456789")


def _fill_bucket(count: int, port: int) -> None:
    """Uploads the backups with few, small requests; this is not measured."""
    connection = HTTPConnection("127.0.0.1", port)
    for manifest in _manifests(range(count)):
        _upload(connection, manifest.artifacts[0].object, b"0123456789", {})
        _upload(connection, manifest.name.manifest, manifest.to_json(), beside_manifest(manifest))
    connection.close()


def _upload(connection: HTTPConnection, name: str, content: bytes, metadata: dict[str, str]) -> None:
    about = json.dumps({"name": name, "metadata": metadata}).encode()
    head, middle = b"Content-Type: application/json\r\n\r\n", b"\r\n--x\r\nContent-Type: a/b\r\n\r\n"
    body = b"".join([b"--x\r\n", head, about, middle, content, b"\r\n--x--"])
    headers = {"Content-Type": "multipart/related; boundary=x"}
    connection.request("POST", f"/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart", body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status


if __name__ == "__main__":
    main()
