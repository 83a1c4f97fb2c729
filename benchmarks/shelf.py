"""The cost of starting up, and of listing a store with many backups."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.contenders import ROOT, environment
from benchmarks.measure import Spread, measure
from shared.archive.seals import seal_manifest
from shared.model.kinds import Kind
from shared.model.manifest import Artifact, Database, Integrity, Manifest, Source
from shared.model.names import BackupName, Format, automatic_id

_NEWEST = datetime(2024, 1, 15, tzinfo=UTC)
_MAY_COMPLAIN = " || test $? = 1"  # old backups need attention (exit code 1), which is not a failure here


def start_up(folder: Path, rounds: int) -> dict[str, Spread]:
    """Measures commands that have nothing to do; returns the times by command."""
    folder.mkdir()
    jobs = sorted(path.parent.name for path in (ROOT / "jobs").glob("*/__main__.py"))
    commands = ["litekeep --help", "litekeep list", *(f"python -m jobs.{job} --help" for job in jobs)]
    return {command: _spread(command, folder, rounds) for command in commands}


def looking(folder: Path, counts: tuple[int, ...], rounds: int, say: Callable[[str], None]) -> dict[str, list[Spread]]:
    """Measures each command that reads a whole catalog, for each number of backups in a folder."""
    folder.mkdir()
    found: dict[str, list[Spread]] = {"list": [], "status": [], "cleanup --dry-run": []}
    for count in counts:
        say(f"a folder of {count} backups")
        _fill(folder / f"store-{count}", count)
        for command, spreads in found.items():
            line = f"litekeep {command} --store store-{count} --json{_MAY_COMPLAIN}"
            spreads.append(_spread(line, folder, rounds))
    return found


def _spread(command: str, folder: Path, rounds: int) -> Spread:
    measure(command, folder, environment())  # warm-up
    return Spread(tuple(measure(command, folder, environment()) for _ in range(rounds)))


def _fill(store: Path, count: int) -> None:
    """Writes a folder store with `count` backups, without syncing, which would take most of the time."""
    for number in range(count):
        manifest = manifest_of(_NEWEST - timedelta(hours=number))
        path = store / manifest.name.manifest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(manifest.to_json())
        (store / manifest.artifacts[0].object).write_bytes(b"0123456789")


def manifest_of(created_at: datetime, database: str = "app.db") -> Manifest:
    """Returns the manifest of a backup of a small file, sealed without a key."""
    name = BackupName(Kind.DAILY, database, automatic_id(created_at))
    artifact = Artifact(
        format=Format.SQL,
        object=name.artifact(Format.SQL, encrypted=False),
        size_bytes=10,
        sha256="a" * 64,
        crc32c="0" * 8,
        plain_size_bytes=100,
        plain_sha256="b" * 64,
        encrypted=False,
    )
    pages = Database(
        page_size=4096,
        page_count=1,
        encoding="UTF-8",
        auto_vacuum=0,
        journal_mode="wal",
        user_version=0,
        application_id=0,
    )
    manifest = Manifest(
        id=name.id,
        database=name.database,
        kind=name.kind,
        created_at=created_at,
        keep_until=created_at + timedelta(days=30),
        environment="production",
        tool="litekeep",
        source=Source(type="file", host="host", sqlite_version="3.50.0", size_bytes=4096),
        sqlite=pages,
        schema_hash="c" * 64,
        schema_version="0",
        row_counts={"users": 3},
        tables=1,
        rows=3,
        integrity=Integrity(good=True),
        artifacts=[artifact],
    )
    return seal_manifest(manifest, None)
