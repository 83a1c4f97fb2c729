"""A scheduled backup is skipped only if the newest one equals the database, and a sealed mark says so."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from jobs.backup.one import Skipped
from jobs.backup.slot import back_up_once
from shared.catalog.listing import Catalog
from shared.catalog.marks import write_mark
from shared.clock import utc_now
from shared.events.log import Event, EventLog
from shared.keys import WrappingKey, open_key
from shared.keys.keyfile import KeyFile
from shared.model.kinds import Kind
from shared.model.lock_names import Unchanged, parse_unchanged
from shared.model.names import Format, parse
from shared.model.schedules import parse_schedules
from shared.monitor.judge import judge
from shared.monitor.observe import observe
from shared.monitor.status import StatusLevel, status_of
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.unchanged import find_unchanged, mark_unchanged
from shared.runtime.progress import silent
from shared.settings import Settings
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation
from shared.stores import open_store
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME, address_of, make_database
from tests.sqlitecloud_server.raw import Raw

DAILY = parse_schedules("daily=0 0 * * *")
HOUR = timedelta(hours=1)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "node"
    folder.mkdir()
    make_database(folder / NAME)
    with Server(folder, plain=True) as server:
        yield server


@pytest.fixture
def options(node: Server, tmp_path: Path) -> BackupOptions:
    return BackupOptions(
        location=CloudLocation(address_of(node), NAME),
        store=open_store(str(tmp_path / "backups")),
        key=None,
        kind=Kind.DAILY,
        keep_for=timedelta(days=7),
        environment="test",
        copy_store=open_store(str(tmp_path / "copies")),
        skip_unchanged=True,
    )


def run(options: BackupOptions, later: timedelta = timedelta(0)) -> str:
    """Returns the id of the new backup, or the reason for the skip."""
    settings = Settings()
    done = back_up_once(options, settings, EventLog(), prove=False, progress=silent, clock=lambda: utc_now() + later)
    return done.reason if isinstance(done, Skipped) else done.taken.manifest.id


def write(node: Server) -> None:
    with Raw(node, NAME) as raw:
        assert raw.ask("UPDATE t SET n = 'x' WHERE id = 1").startswith(b"=")


def test_scheduled_backup_is_skipped_until_database_is_written(node: Server, options: BackupOptions) -> None:
    first = run(options)
    assert [run(options), run(options, 24 * HOUR)] == ["unchanged", "unchanged"]
    write(node)
    assert run(options) not in ("unchanged", first)
    assert run(options) == "unchanged"
    assert run(replace(options, skip_unchanged=False)) != "unchanged"


@pytest.mark.parametrize("changes", [{"kind": Kind.ON_DEMAND}, {"kind": Kind.PRE_DEPLOYMENT}, {"kind": Kind.MILESTONE}])
def test_requested_backup_is_never_skipped(options: BackupOptions, changes: dict[str, Kind]) -> None:
    one = replace(options, **changes)
    run(one)
    assert run(one) != "unchanged"
    run(replace(options))
    assert run(replace(options, name="by-name")) == "by-name"


def test_backup_of_another_kind_does_not_allow_skip(options: BackupOptions) -> None:
    run(replace(options, kind=Kind.CONTINUOUS))
    assert run(options) != "unchanged"


def test_sqlite_file_is_always_backed_up(options: BackupOptions, tmp_path: Path) -> None:
    make_database(tmp_path / NAME)
    one = replace(options, location=FileLocation(tmp_path / NAME))
    run(one)
    assert run(one) != "unchanged"


def damage_stored(
    options: BackupOptions, ending: str, *, copy: bool = False, change: Callable[[Path], object] = Path.unlink
) -> None:
    store = options.copy_store if copy else options.store
    assert store is not None
    (path,) = Path(store.url).rglob(f"*{ending}")
    change(path)


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("ending", [".manifest.json", ".sql.gz", ".sqlite.zst"])
def test_incomplete_backup_in_any_store_prevents_skip(options: BackupOptions, ending: str, *, copy: bool) -> None:
    run(options)
    damage_stored(options, ending, copy=copy)
    assert run(options) != "unchanged"


def test_truncated_artifact_prevents_skip(options: BackupOptions) -> None:
    run(options)
    damage_stored(options, ".sql.gz", change=lambda path: path.write_bytes(b"x"))
    assert run(options) != "unchanged"


class _Bad:
    ok = False

    def to_json(self) -> dict[str, object]:
        return {"level": "restored", "ok": False}


def test_failed_verification_prevents_skip(options: BackupOptions) -> None:
    run(options)
    (backup,) = Catalog(options.store).backups()
    Catalog(options.store).record(backup.name, _Bad(), utc_now())
    assert run(options) != "unchanged"


def test_changed_formats_key_or_version_prevent_skip(
    options: BackupOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(replace(options, formats=(Format.SQL,)))
    assert run(options) != "unchanged"
    assert run(replace(options, formats=(Format.SQL,))) == "unchanged"
    KeyFile.create(tmp_path / "a.key")
    KeyFile.create(tmp_path / "b.key")
    for name in ("a.key", "b.key"):
        keyed = replace(options, key=open_key(f"file:{tmp_path / name}"))
        assert run(keyed) != "unchanged"
        assert run(keyed) == "unchanged"
    assert run(options) != "unchanged"
    monkeypatch.setattr("shared.operations.backup.unchanged.TOOL", "litekeep 0.0.0-older")
    assert run(options) != "unchanged"


def test_backup_past_half_its_retention_prevents_skip(options: BackupOptions) -> None:
    run(options)
    assert find_unchanged(options, utc_now() + timedelta(days=3, hours=11)) is not None
    assert find_unchanged(options, utc_now() + timedelta(days=3, hours=13)) is None
    assert find_unchanged(replace(options, keep_for=timedelta(days=1)), utc_now() + 13 * HOUR) is None
    assert find_unchanged(options, utc_now() - HOUR) is None  # the backup is dated in the future


@pytest.mark.parametrize("request_", ["LIST DATABASES DETAILED", "DOWNLOAD DATABASE", "AUTH"])
def test_node_error_prevents_skip(node: Server, options: BackupOptions, request_: str) -> None:
    run(options)
    node.faults.error(request_, 10005, "not now")
    assert run(options) != "unchanged"


def test_mark_that_cannot_be_stored_prevents_skip(options: BackupOptions) -> None:
    run(options)
    (Path(options.store.url) / "locks").write_bytes(b"in the way")
    assert run(options) != "unchanged"


def test_mark_is_parsed_from_its_name_and_is_no_backup(options: BackupOptions) -> None:
    run(options)
    (backup,) = Catalog(options.store).backups()
    mark = Unchanged(backup.name, utc_now())
    assert parse_unchanged(mark.object) == mark
    assert parse(mark.object) is None
    for name in (mark.object + "x", mark.object.replace("daily", "other"), "locks/unchanged/daily/a/b", "x"):
        assert parse_unchanged(name) is None


def test_quiet_database_is_not_stale_but_stopped_schedule_is(options: BackupOptions) -> None:
    run(options)
    (backup,) = Catalog(options.store).backups()
    taken = backup.created_at
    for night in (1, 2, 3):
        mark_unchanged(options.store, backup.name, taken + night * 24 * HOUR, None)

    def stale(after: timedelta) -> tuple[StatusLevel, bool, timedelta | None]:
        listing, _ = observe(options.store, taken + after)
        found = status_of(NAME, listing, DAILY, taken + after)
        events = [finding.event for finding in judge(listing, DAILY, taken + after)]
        return found.standing, "monitor.stale" in events, found.recovery_point

    assert stale(72 * HOUR + HOUR / 2) == (StatusLevel.OK, False, HOUR / 2)
    assert stale(96 * HOUR)[:2] == (StatusLevel.OK, False)
    standing, alerts, behind = stale(98 * HOUR + timedelta(minutes=1))
    assert (standing, alerts, behind) == (StatusLevel.STALE, True, 26 * HOUR + timedelta(minutes=1))


def stale(options: BackupOptions, now: datetime, key: WrappingKey | None) -> tuple[bool, list[str]]:
    """Returns whether the database is stale, and the messages about marks."""
    listing, _ = observe(options.store, now, open_key=lambda: key)
    findings = [each for each in judge(listing, DAILY, now) if each.event is Event.MONITOR_NOT_SEALED]
    messages = [each.message for each in findings]
    return status_of(NAME, listing, DAILY, now).standing is StatusLevel.STALE, messages


def forged(options: BackupOptions, mark: Unchanged, content: bytes) -> None:
    options.store.create(mark.object, content, {})


def test_mark_dated_in_the_future_is_ignored(options: BackupOptions) -> None:
    run(options)
    (backup,) = Catalog(options.store).backups()
    now = backup.created_at + 60 * HOUR
    mark_unchanged(options.store, backup.name, now + HOUR, None)
    assert stale(options, now, None) == (True, [])


def test_mark_of_missing_backup_is_ignored(options: BackupOptions) -> None:
    run(options)
    (backup,) = Catalog(options.store).backups()
    now = backup.created_at + 60 * HOUR
    for name in (backup.name._replace(id="another"), backup.name._replace(kind=Kind.WEEKLY)):
        write_mark(options.store, name, "0" * 64, now, None)
    assert stale(options, now, None) == (True, [])


@pytest.fixture
def keyed(options: BackupOptions, tmp_path: Path) -> BackupOptions:
    return replace(options, key=KeyFile.create(tmp_path / "a.key"))


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"[" * 10_000, b"\xff"])
def test_malformed_mark_is_ignored_and_reported(keyed: BackupOptions, content: bytes) -> None:
    run(keyed)
    (backup,) = Catalog(keyed.store).backups()
    now = backup.created_at + 60 * HOUR
    forged(keyed, Unchanged(backup.name, now - HOUR), content)
    is_stale, (message,) = stale(keyed, now, keyed.key)
    assert is_stale
    assert message.startswith(f"an unchanged mark on {backup.name.id} of {NAME} counts for nothing, ")
    assert observe(keyed.store, now)[0].databases[NAME][0].unchanged_at is None, "not without the key either"


def test_forged_mark_is_ignored_and_reported(keyed: BackupOptions, tmp_path: Path) -> None:
    run(keyed)
    (backup,) = Catalog(keyed.store).backups()
    now = backup.created_at + 60 * HOUR
    mark_unchanged(keyed.store, backup.name, now - 30 * HOUR, keyed.key)
    (item,) = keyed.store.list_objects("locks/unchanged/")
    true = json.loads((Path(keyed.store.url) / item.name).read_text())
    attacks = [
        (true, "it is of another backup, database or time"),  # an old one under a new name
        (true | {"database": "other"}, "it is of another backup, database or time"),
        ({field: value for field, value in true.items() if field != "seal"}, "it has no seal"),
        ({"kind": "daily", "database": NAME, "id": backup.name.id}, "it has no seal"),
    ]
    for minute, (content, why) in enumerate(attacks, 1):
        forged(keyed, Unchanged(backup.name, now - minute * HOUR / 60), json.dumps(content).encode())
        for opening in (lambda: keyed.key, None):
            listing, _ = observe(keyed.store, now, open_key=opening)
            (seen,) = listing.databases[NAME]
            assert (seen.unchanged_at, seen.mark_doubt) == (now - 30 * HOUR, why) or why in str(seen.mark_doubt)
            assert seen.unchanged_at == now - 30 * HOUR, "the genuine mark before it counts"
        (Path(keyed.store.url) / Unchanged(backup.name, now - minute * HOUR / 60).object).unlink()
    thief = KeyFile.create(tmp_path / "b.key")
    sha256 = true["manifest_sha256"]
    write_mark(keyed.store, backup.name, sha256, now, thief)
    assert stale(keyed, now, keyed.key)[1][0].count("its seal is wrong") == 1
    listing, _ = observe(keyed.store, now)
    assert listing.databases[NAME][0].unchanged_at == now, "seals cannot be checked without the key"


def test_genuine_mark_counts_with_and_without_key(keyed: BackupOptions) -> None:
    run(keyed)
    (backup,) = Catalog(keyed.store).backups()
    assert run(keyed, 24 * HOUR) == "unchanged"
    now = backup.created_at + 40 * HOUR
    for opening in (lambda: keyed.key, None):
        listing, _ = observe(keyed.store, now, open_key=opening)
        (seen,) = listing.databases[NAME]
        assert seen.behind(now) < 17 * HOUR
        assert seen.mark_doubt is None
