"""Downloads: a snapshot is complete and consistent, or it is an error."""

import os
import resource
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import stamina

from shared.databases.snapshot import take_snapshot
from shared.errors import CorruptSource, LitekeepError, SourceError
from shared.sqlitecloud.failures import CommandRefused, Garbled, Lost, TimedOut
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.session import Session
from shared.sqlitecloud.snapshot import describe, snapshot_cloud, unchanged_since
from tests.dump.equality import assert_equal
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME, SCHEMA, make_database
from tests.sqlitecloud_server.raw import Raw

Located = Callable[..., CloudLocation]


def snapshot(location: CloudLocation, destination: Path, *, allow_corrupt: bool = False) -> Path:
    snapshot_cloud(location, destination, allow_corrupt=allow_corrupt, watch=lambda *_: None)
    return destination


@pytest.mark.parametrize("step", [1000, 1024, 65536, 524288])
def test_snapshot_equals_the_database_and_records_its_origin(
    server: Server, located: Located, tmp_path: Path, step: int
) -> None:
    server.settings["download_chunk_size"] = str(step)
    seen: list[tuple[str, int, int]] = []
    found = take_snapshot(located(), tmp_path / "s.db", progress=lambda *far: seen.append(far))
    assert_equal(server.data / NAME, found.path)
    size = found.path.stat().st_size
    assert found.size_bytes == size
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600
    assert [far[2] for far in seen] == [size] * -(-size // step)
    assert seen[-1] == ("snapshot", size, size)
    origin = found.origin.model_dump()
    assert (origin["type"], origin["host"], origin["size_bytes"]) == ("sqlitecloud", "localhost", size)
    assert (origin["raft_index"], origin["node_version"]) == (1, "1.0.0-local")


def test_unchanged_database_is_detected_by_log_position_count_and_size(
    server: Server, located: Located, tmp_path: Path
) -> None:
    origin = take_snapshot(located(), tmp_path / "s.db").origin
    assert unchanged_since(located(), origin)
    for change in (
        {"raft_index": 9},
        {"raft_index": None},
        {"writes": 7},
        {"writes": None},
        {"size_bytes": 1},
        {"host": "other"},
    ):
        assert not unchanged_since(located(), origin.model_copy(update=change))
    with Raw(server, NAME) as raw:
        raw.ask("UPDATE t SET n = 'x' WHERE id = 1")
    assert not unchanged_since(located(), origin)
    server.faults.announce(raft=0)
    assert not unchanged_since(located(), origin.model_copy(update={"raft_index": 0}))  # a node without log positions


def test_write_during_the_snapshot_is_a_change(server: Server, located: Located, tmp_path: Path) -> None:
    def write(_: object) -> None:
        with Raw(server, NAME) as raw:
            raw.ask("UPDATE t SET n = 'x' WHERE id = 1")

    server.faults.before("DOWNLOAD STEP", write)
    assert not unchanged_since(located(), take_snapshot(located(), tmp_path / "s.db").origin)


def test_version_is_unknown_without_the_privilege(server: Server, located: Located, tmp_path: Path) -> None:
    server.faults.error("LIST INFO", 10004, "no privilege")
    assert take_snapshot(located(), tmp_path / "s.db").origin.model_dump()["node_version"] == "unknown"


@pytest.mark.parametrize("by", [1, 1024])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("how", ["short_step", "long_step"])
def test_step_of_the_wrong_size_is_an_error(
    server: Server, located: Located, tmp_path: Path, how: str, nth: int, by: int
) -> None:
    server.settings["download_chunk_size"] = str((server.data / NAME).stat().st_size // 2)
    getattr(server.faults, how)(nth=nth, by=by)
    # A short or long first step shifts the rest, so that the last step is long or empty.
    with pytest.raises(SourceError):
        snapshot(located(), tmp_path / "s.db")
    assert list(tmp_path.glob("s.db*")) == []


@pytest.mark.parametrize("reply", [b"+2 OK", b"_ ", b":5 ", b"$0 ", b"+5 bytes", b"=5 1 :1 ", b"^4 PING", b"#2 {}"])
@pytest.mark.parametrize("nth", [1, 2])
def test_step_that_is_not_a_blob_is_an_error(
    server: Server, located: Located, tmp_path: Path, reply: bytes, nth: int
) -> None:
    server.settings["download_chunk_size"] = "1024"
    server.faults.reply("DOWNLOAD STEP", reply, nth=nth)
    with pytest.raises(Garbled):
        snapshot(located(), tmp_path / "s.db")
    assert len(server.connections) == 1
    assert list(tmp_path.glob("s.db*")) == []


@pytest.mark.parametrize("reply", [b"+2 OK", b"=5 1 :1 ", b"=8 3 _ _ _ ", b"=12 3 :-1 :1 :1 ", b":1 ", b"+3 abc"])
def test_invalid_reply_to_download_is_an_error(server: Server, located: Located, tmp_path: Path, reply: bytes) -> None:
    server.faults.reply("DOWNLOAD DATABASE", reply)
    with pytest.raises(Garbled):
        snapshot(located(), tmp_path / "s.db")


def test_wrong_announced_size_is_an_error(server: Server, located: Located, tmp_path: Path) -> None:
    size = (server.data / NAME).stat().st_size
    for announced in ({"size": size + 1024}, {"size": size - 1024}, {"size": size - 1}, {"pages": 1}, {"size": 0}):
        server.faults.clear()
        server.faults.announce(**announced)
        with pytest.raises(SourceError):
            snapshot(located(), tmp_path / "s.db")
    server.faults.clear()
    server.faults.announce(size=1 << 60)
    with pytest.raises(SourceError, match="no room"):
        snapshot(located(), tmp_path / "s.db")
    assert list(tmp_path.glob("s.db*")) == []


def test_torn_download_is_refused(server: Server, located: Located, tmp_path: Path) -> None:
    server.settings["download_chunk_size"] = "2048"

    def grow(_: object) -> None:
        with closing(sqlite3.connect(server.data / NAME)) as connection, connection:
            connection.execute("DELETE FROM t WHERE id % 2")
            connection.execute("INSERT INTO t SELECT id + 1000, 'a longer row than before ' || id FROM t")

    server.faults.before("DOWNLOAD STEP", grow, nth=2)
    server.faults.torn_step(nth=2)
    with pytest.raises(CorruptSource, match=r"quick_check says|is inconsistent"):
        snapshot(located(), tmp_path / "s.db")
    assert list(tmp_path.glob("s.db*")) == []


def test_damaged_database_is_refused_unless_allowed(server: Server, located: Located, tmp_path: Path) -> None:
    server.faults.alter("DOWNLOAD STEP", lambda reply: reply[:-900] + bytes(900), times=None)
    with pytest.raises(CorruptSource, match="--allow-corrupt"):
        snapshot(located(), tmp_path / "s.db")
    kept = snapshot(located(), tmp_path / "s.db", allow_corrupt=True)
    assert kept.read_bytes().endswith(bytes(900))


def test_missing_database_is_an_error(located: Located, tmp_path: Path) -> None:
    with pytest.raises(CommandRefused, match="check the name"):
        snapshot(located("missing.sqlite"), tmp_path / "s.db")
    with pytest.raises(SourceError, match="does not exist"):
        describe(located("missing.sqlite"))


def test_disabled_database_is_an_error(server: Server, located: Located, tmp_path: Path) -> None:
    server.catalog.get(NAME).disabled = True
    with pytest.raises(CommandRefused, match="disabled"):
        snapshot(located(), tmp_path / "s.db")
    with pytest.raises(SourceError, match="disabled"):
        describe(located())


def test_interrupted_download_is_retried(server: Server, located: Located, tmp_path: Path) -> None:
    server.settings["download_chunk_size"] = "1024"
    server.faults.cut("DOWNLOAD STEP", 700, nth=3)
    server.faults.cut("DOWNLOAD STEP", 0, reset=True, nth=6)
    server.faults.error("DOWNLOAD STEP", 10006, "leader change", nth=9)
    assert_equal(server.data / NAME, snapshot(located(), tmp_path / "s.db"))
    assert len(server.connections) == 4


def test_silent_node_times_out_after_all_attempts(server: Server, address: object, tmp_path: Path) -> None:
    let = threading.Event()
    server.faults.drip("DOWNLOAD STEP", lambda _: let.wait() and None, times=None)
    location = CloudLocation(replace(address, timeout=0.05), NAME)  # type: ignore[type-var]
    with pytest.raises(TimedOut, match="no reply in time"):
        snapshot(location, tmp_path / "s.db")
    let.set()
    assert len(server.connections) == 4
    assert list(tmp_path.glob("s.db*")) == []


def test_download_below_the_minimum_rate_times_out(
    server: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.sqlitecloud.pace.SLOWEST", 1 << 60)  # any rate is below it
    monkeypatch.setattr("shared.sqlitecloud.pace._SILENCES", 1e-9)  # the window ends at once
    monkeypatch.setattr("shared.sqlitecloud.pace._GRACE_WINDOWS", 1e15)
    with pytest.raises(TimedOut, match="bytes arrived in"):
        snapshot(located(), tmp_path / "s.db")
    assert list(tmp_path.glob("s.db*")) == []


def test_connection_lost_at_any_byte_leaves_no_partial_snapshot(
    server: Server, located: Located, tmp_path: Path
) -> None:
    stamina.set_testing(True, attempts=1)
    server.settings["download_chunk_size"] = "2048"
    whole = (server.data / NAME).read_bytes()

    def succeeds(after: int) -> bool:
        server.faults.cut_connection(after)
        path = tmp_path / f"{after}.db"
        try:
            snapshot(located(), path)
        except Lost:
            assert not path.exists()
            return False
        assert first_difference_of(path, whole) is None
        path.unlink()
        return True

    step = 13
    enough = next(after for after in range(0, 10_000, step) if succeeds(after))
    assert enough > len(whole)
    verdicts = [succeeds(after) for after in range(enough - step, enough + 1)]
    assert verdicts == sorted(verdicts)
    assert verdicts.count(True) < len(verdicts)


def first_difference_of(path: Path, whole: bytes) -> int | None:
    found = path.read_bytes()
    pairs = enumerate(zip(found[100:], whole[100:], strict=True))
    return next((at for at, (one, other) in pairs if one != other), None)


def test_retry_after_a_cut_at_any_byte_is_complete(server: Server, located: Located, tmp_path: Path) -> None:
    server.settings["download_chunk_size"] = "2048"
    whole = snapshot(located(), tmp_path / "whole.db").read_bytes()
    for after in range(0, len(whole), len(whole) // 25):
        server.faults.cut_connection(after)
        assert snapshot(located(), tmp_path / f"{after}.db").read_bytes() == whole


@pytest.mark.parametrize("what", ["removed", "replaced", "disabled"])
def test_database_removed_replaced_or_disabled_during_download_is_whole_or_an_error(
    server: Server, located: Located, tmp_path: Path, what: str
) -> None:
    server.settings["download_chunk_size"] = "1024"
    before = snapshot(located(), tmp_path / "before.db")

    def happen(_: object) -> None:
        database = server.catalog.get(NAME)
        if what == "disabled":
            database.disabled = True
            return
        server.catalog.remove(database)
        if what == "replaced":
            make_database(server.data / NAME, "CREATE TABLE other (a);")

    server.faults.before("DOWNLOAD STEP", happen, nth=3)
    try:
        found = snapshot(located(), tmp_path / "s.db")
    except LitekeepError:
        return
    assert_equal(before, found)


@pytest.mark.parametrize("blob", [1, 100_000])
def test_full_local_disk_is_reported_and_not_retried(
    server: Server, located: Located, tmp_path: Path, blob: int
) -> None:
    make_database(server.data / "b.db", f"CREATE TABLE b (c); INSERT INTO b VALUES (zeroblob({blob}));")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    server.faults.before("DOWNLOAD STEP", lambda _: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard)))
    try:
        with pytest.raises(SourceError, match="no room in"):
            snapshot(located("b.db"), tmp_path / "s.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(server.connections) == 1


def test_memory_does_not_grow_with_the_step_size(server: Server, located: Located, tmp_path: Path) -> None:
    make_database(server.data / "big.db", f"{SCHEMA} CREATE TABLE b (c); INSERT INTO b VALUES (zeroblob(12000000));")
    server.settings["download_chunk_size"] = str(64 << 20)
    largest = 0
    with Session(located().address) as session:
        announced = session.start_download("big.db")
        got = 0

        def save(piece: memoryview) -> None:
            nonlocal largest, got
            largest, got = max(largest, len(piece)), got + len(piece)

        session.save_download(announced, save, lambda *_: None)
    assert got == announced.size > 12_000_000
    assert largest <= 256 << 10


def test_snapshot_during_writes_is_one_committed_state(server: Server, located: Located, tmp_path: Path) -> None:
    make_database(
        server.data / "bank.db",
        "PRAGMA journal_mode = WAL; CREATE TABLE a (id INTEGER PRIMARY KEY, v);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, v); WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c"
        " LIMIT 500) INSERT INTO a SELECT i, 100 FROM c; INSERT INTO b SELECT id, 100 FROM a;",
    )
    server.settings["download_chunk_size"] = "4096"
    stop = threading.Event()

    def move(seed: int) -> None:
        with Raw(server, "bank.db") as raw:
            while not stop.is_set():
                seed = (seed * 1103515245 + 12345) % (1 << 31)
                raw.ask(
                    f"BEGIN IMMEDIATE; UPDATE a SET v = v - 7 WHERE id = {seed % 500 + 1};"
                    f"UPDATE b SET v = v + 7 WHERE id = {seed // 500 % 500 + 1}; COMMIT"
                )

    writers = [threading.Thread(target=move, args=(seed,)) for seed in (1, 2)]
    for writer in writers:
        writer.start()
    try:
        sums = []
        for number in range(4):
            found = snapshot(located("bank.db"), tmp_path / f"{number}.db")
            with closing(sqlite3.connect(found)) as connection:
                sums.append(connection.execute("SELECT (SELECT sum(v) FROM a) + (SELECT sum(v) FROM b)").fetchone()[0])
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert sums == [100_000] * 4
    assert not os.path.lexists(tmp_path / "0.db-wal")
