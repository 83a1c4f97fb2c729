"""The console over a large store: `python -m benchmarks.console [BACKUPS]`. Prints the figures of docs/console.md.

Measures a folder, and a bucket simulated on this machine, which counts requests. The console runs in its own process.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.shelf import manifest_of
from shared.model.manifest import Manifest
from tests.servers.gcs.crowded import Crowded, crowded_server

_DATABASES = 100
_EXPIRED_SECONDS = 11  # the console uses a listing for ten


def main() -> None:
    if sys.argv[1:] == ["visit"]:
        print(json.dumps(_visit_pages()))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "backups"
        _fill_folder(store, count)
        _print_figures(f"{count} backups of {_DATABASES} databases in a folder", _measure(str(store), "db-000"))
    crowded = Crowded(count, _DATABASES, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    with crowded_server(crowded) as url:
        figures = _measure("gs://crowded", "app-0000.db", STORAGE_EMULATOR_HOST=url)
        what = f"{count} backups in a bucket, {len(crowded.names)} objects; {crowded.requests} requests in all"
        _print_figures(what, figures)


def _print_figures(what: str, figures: dict[str, Any]) -> None:
    print(what)
    for page, view in figures["views"].items():
        print(f"| {page} | {view['processor']:.2f} s | {view['wall']:.2f} s |")
    print(f"memory of the process: {figures['memory_mb']:.0f} MB", flush=True)


def _measure(store: str, database: str, **settings: str) -> dict[str, Any]:
    """Visits the pages in a process of its own, and returns its figures."""
    own = os.environ | {"BACKUP_STORE": store, "BACKUP_KEY": "none", "VISITED_DATABASE": database} | settings
    command = [sys.executable, "-m", "benchmarks.console", "visit"]
    figures: dict[str, Any] = json.loads(subprocess.run(command, env=own, stdout=subprocess.PIPE, check=True).stdout)
    return figures


def _visit_pages() -> dict[str, object]:
    """Returns the CPU time and the elapsed time of each page in this process, in seconds, and its peak memory."""
    from console.serve import on_laptop, warm_up  # noqa: PLC0415 - only the measured process needs the console
    from shared.settings import read_settings  # noqa: PLC0415

    app, address = on_laptop(read_settings(), "ana", 8080, may_change=False)
    warm_up(app)
    client, base = app.test_client(), "http://127.0.0.1:8080"
    client.get(address.removeprefix(base), base_url=base)
    views = {}
    pages = {
        "overview, first view": "/",
        "overview, same listing": "/",
        "database": f"/database?name={os.environ['VISITED_DATABASE']}",
        "drills": "/drills",
        "overview, listed again": "/",
    }
    for what, path in pages.items():
        if what == "overview, listed again":
            time.sleep(_EXPIRED_SECONDS)
        processor, wall = time.process_time(), time.perf_counter()
        response = client.get(path, base_url=base)
        assert response.status_code == 200, response.text
        views[what] = {"processor": time.process_time() - processor, "wall": time.perf_counter() - wall}
    return {"views": views, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1_000_000}


def _manifests(count: int) -> Iterator[Manifest]:
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(count):
        taken = now - timedelta(hours=6 * (number // _DATABASES) + 1)
        yield manifest_of(taken, f"db-{number % _DATABASES:03}")


def _fill_folder(store: Path, count: int) -> None:
    """Writes the files of the backups directly, without the syncs that make a real backup slow."""
    for manifest in _manifests(count):
        path = store / manifest.name.manifest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(manifest.to_json())
        (store / manifest.artifacts[0].object).write_bytes(b"0123456789")


if __name__ == "__main__":
    main()
