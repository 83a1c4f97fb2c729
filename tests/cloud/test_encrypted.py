"""Encrypted databases of SQLite Cloud: copied, proven and put back, and their keys seen by nobody."""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stamina

from shared.catalog import Catalog
from shared.cloud import databases, native
from shared.cloud.connection_string import Secret
from shared.cloud.failures import CloudError, Garbled
from shared.cloud.health import check
from shared.databases.cloud import snapshot_cloud, unchanged_since
from shared.databases.location import CloudLocation
from shared.databases.snapshot import take_snapshot
from shared.errors import CorruptSource, LitekeepError, SourceError, UsageError
from shared.progress import silent
from shared.restore.native import NativeOrder, restore_native
from shared.restore.same import difference
from shared.restore.to_cloud import check_secrecy, create, replace_database
from shared.stores import open_store
from tests.cloud.conftest import NAME, make_database
from tests.dump.equality import assert_equal
from tests.servers.sqlitecloud import Server, wire
from tests.servers.sqlitecloud.errors import Refusal
from tests.servers.sqlitecloud.session import Session as ServerSession
from tests.sqlitecloud_server.raw import Raw

Located = Callable[..., CloudLocation]
KEY = "open sesame's"
MOMENT = datetime(2026, 11, 22, 10, 11, 12, tzinfo=UTC)


@pytest.fixture
def locked(server: Server) -> Server:
    """A node on which the database is encrypted."""
    with Raw(server) as raw:
        assert raw.ask(f"ENCRYPT DATABASE '{NAME}' KEY ?", KEY) == b"+2 OK"
    return server


@pytest.fixture
def keyed(located: Located) -> Located:
    """Addresses with the key."""

    def make(name: str = NAME) -> CloudLocation:
        found = located(name)
        return replace(found, address=replace(found.address, key=Secret(KEY)))

    return make


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.db"
    make_database(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT); INSERT INTO t VALUES (1, 'from the backup');")
    return path


def snapshot(location: CloudLocation, destination: Path) -> Path:
    snapshot_cloud(location, destination, watch=lambda *_: None)
    return destination


def asked(server: Server) -> list[str]:
    return [text for one in server.connections for text in one.requests]


def test_its_snapshot_is_the_database_decrypted_and_says_that_it_was_encrypted(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    locked.settings["download_chunk_size"] = "7"
    found = take_snapshot(located(), tmp_path / "s.db")
    assert_equal(locked.data / NAME, found.path)
    said = found.origin.model_dump()
    assert said["encrypted"] is True
    assert said["raft_index"] > 1
    assert "DOWNLOAD STEP" in asked(locked)
    assert unchanged_since(located(), found.origin)
    assert KEY not in repr(located().address) + found.origin.model_dump_json()


def test_one_that_is_not_encrypted_is_not_said_to_be(server: Server, located: Located, tmp_path: Path) -> None:
    assert "encrypted" not in take_snapshot(located(), tmp_path / "s.db").origin.model_dump()
    assert not any(text.startswith("BACKUP") for text in asked(server))


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_pages_of_every_size_in_many_steps(server: Server, located: Located, tmp_path: Path, page_size: int) -> None:
    make_database(
        server.data / "big.db",
        f"PRAGMA page_size = {page_size}; CREATE TABLE b (c); INSERT INTO b VALUES (randomblob(9000000));",
    )
    with Raw(server) as raw:
        raw.ask("ENCRYPT DATABASE 'big.db' KEY k")
    assert_equal(server.data / "big.db", snapshot(located("big.db"), tmp_path / "s.db"))
    assert sum(text.startswith("BACKUP STEP") for text in asked(server)) >= 3


def test_a_page_that_the_disk_takes_in_parts_is_written_whole(
    locked: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, page, offset: whole(file, page[:1000], offset))
    assert_equal(locked.data / NAME, snapshot(located(), tmp_path / "s.db"))


def test_pages_that_come_anew_because_somebody_wrote_are_the_ones_that_count(
    locked: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.cloud.pages._STEP_BYTES", 1024)

    def write(session: ServerSession) -> None:
        with Raw(locked, NAME) as raw:
            raw.ask(
                "WITH RECURSIVE c(i) AS (VALUES (100) UNION ALL SELECT i + 1 FROM c LIMIT 400)"
                "INSERT INTO t SELECT i, i FROM c"
            )
        session.backups[0].restart()

    locked.faults.before("BACKUP STEP", write, nth=3)
    found = snapshot(located(), tmp_path / "s.db")
    with closing(sqlite3.connect(found)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (460,)


def test_who_never_stops_writing_is_told_so(
    locked: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.cloud.pages._STEP_BYTES", 2048)
    locked.faults.before("BACKUP STEP", lambda session: session.backups[0].restart(), times=None)
    with pytest.raises(CloudError, match="does not come to an end while somebody writes"):
        snapshot(located(), tmp_path / "s.db")
    assert list(tmp_path.glob("s.db*")) == []


STEP = [41, 0, 0, 5, 0, 0, b""]
NOT_A_STEP = [
    [40, 0, 0, 5, 0, 0, b""],
    [41, 1, 0, 5, 0, 0, b""],
    [41, 0, 0, 5, 0, 1, b""],
    [41, 0, 0, 5, 0, -1, b""],
    [41, 0, 0, 0, 0, 0, b""],
    [41, 0, 0, 5, -1, 0, b""],
    [41, 0, 101, 5, 0, 0, b""],
    [41, 0, 1, 5, 0, 0, b""],
    [41, 0, 0, 5, 0, b""],
    [41, 0, 0, 5, 0, 0, 7],
    STEP,  # for ever
]


@pytest.mark.parametrize("reply", [b"+2 OK", b"_ ", *map(wire.array, NOT_A_STEP)])
def test_a_step_that_is_none_is_an_error(locked: Server, located: Located, tmp_path: Path, reply: bytes) -> None:
    locked.faults.reply("BACKUP STEP", reply, times=None)
    with pytest.raises(SourceError):
        snapshot(located(), tmp_path / "s.db")
    assert list(tmp_path.glob("s.db*")) == []


@pytest.mark.parametrize("reply", [b"+2 OK", *map(wire.array, ([40, 0, 1000, 5], [41, 0, 512, 5], [40, 0, 512, 0]))])
def test_a_beginning_that_is_none_is_an_error(locked: Server, located: Located, tmp_path: Path, reply: bytes) -> None:
    locked.faults.reply("BACKUP INIT", reply)
    with pytest.raises(Garbled):
        snapshot(located(), tmp_path / "s.db")


def test_more_pages_than_there_is_room_for_are_refused_before_any_memory_is_taken(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    locked.faults.reply("BACKUP INIT", wire.array([40, 0, 512, 1 << 50]))
    with pytest.raises(SourceError, match="no room"):
        snapshot(located(), tmp_path / "s.db")
    locked.faults.reply("BACKUP STEP", wire.array([41, 0, 0, 1 << 50, 0, 0, b""]))
    with pytest.raises(SourceError, match="no room"):
        snapshot(located(), tmp_path / "s.db")


def test_a_page_outside_of_the_database_or_missing_is_an_error(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    def elsewhere(offset: int) -> Callable[[bytes], bytes]:
        return lambda reply: reply.replace((1024).to_bytes(8) + blob_at(reply, 1024), offset.to_bytes(8) + bytes(1024))

    def blob_at(reply: bytes, offset: int) -> bytes:
        at = reply.index(offset.to_bytes(8)) + 8
        return reply[at : at + 1024]

    for offset in (1 << 40, 1025, 0):  # far away, no page's offset, or another page's a second time
        locked.faults.clear()
        locked.faults.alter("BACKUP STEP", elsewhere(offset))
        with pytest.raises((Garbled, CorruptSource)):
            snapshot(located(), tmp_path / "s.db")


def test_pages_that_come_encrypted_are_never_taken_for_a_database(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    locked.faults.alter("BACKUP STEP", lambda reply: reply.replace(b"SQLite format 3\0", b"x" * 16))
    with pytest.raises(CorruptSource, match="the node does not decrypt it"):
        snapshot(located(), tmp_path / "s.db")


def test_where_pages_are_refused_the_error_names_the_ways_out(locked: Server, located: Located, tmp_path: Path) -> None:
    locked.faults.error("BACKUP INIT", 10004, "no privilege")
    with pytest.raises(CorruptSource, match=r"READ and BACKUP; else decrypt a copy on the node"):
        snapshot(located(), tmp_path / "s.db")
    with Raw(locked) as raw:
        raw.ask(f"REMOVE DATABASE '{NAME}' KEY database_key")
    with pytest.raises(CorruptSource, match="SET DATABASE … KEY database_key TO"):
        snapshot(located(), tmp_path / "s.db")


def test_a_copy_that_breaks_off_or_has_to_wait_begins_again(locked: Server, located: Located, tmp_path: Path) -> None:
    locked.faults.cut("BACKUP STEP", 700)
    locked.faults.reply("BACKUP STEP", wire.array([41, 0, 5, 5, 5, 0, b""]), nth=2)
    assert_equal(locked.data / NAME, snapshot(located(), tmp_path / "s.db"))


def test_health_says_whether_pages_come_decrypted(locked: Server, located: Located, keyed: Located) -> None:
    def encryption(location: CloudLocation, *, restores: bool = False) -> tuple[bool | None, str]:
        found = {one.name: one for one in check(location.address, NAME, MOMENT, restores=restores)}
        return found["encryption"].ok, found["encryption"].detail

    assert encryption(located()) == (True, "pages come decrypted")
    assert encryption(keyed(), restores=True)[0] is True
    without = encryption(located(), restores=True)
    assert without[0] is False
    assert "add key=" in without[1]
    locked.faults.error("BACKUP INIT", 10004, "no privilege")
    refused = encryption(located())
    assert refused[0] is False
    assert "READ and BACKUP" in refused[1]
    locked.faults.clear()
    locked.faults.alter("BACKUP STEP", lambda reply: reply.replace(b"SQLite format 3\0", b"x" * 16))
    assert encryption(located())[0] is False


def test_a_new_database_is_encrypted_and_proven(server: Server, keyed: Located, image: Path, tmp_path: Path) -> None:
    create(keyed("new.db"), image, tmp_path, silent)
    assert server.catalog.get("new.db").key == KEY
    assert difference(snapshot(keyed("new.db"), tmp_path / "s.db"), image) is None
    assert not any(KEY in text for text in asked(server))


def test_a_database_that_the_node_does_not_encrypt_is_removed_again(
    server: Server, keyed: Located, image: Path, tmp_path: Path
) -> None:
    for answer in (b"+2 OK", wire.error(Refusal(10005, "disk is full"))):
        server.faults.clear()
        server.faults.reply("ENCRYPT", answer, times=None)
        with pytest.raises(CloudError, match="was removed again") as caught:
            create(keyed("new.db"), image, tmp_path, silent)
        assert KEY not in str(caught.value)
        assert server.catalog.names() == [NAME]


def test_somebody_elses_database_is_not_encrypted(server: Server, keyed: Located, image: Path, tmp_path: Path) -> None:
    def theirs(_: ServerSession) -> None:
        make_database(server.data / "new.db", "CREATE TABLE theirs (a);")

    server.faults.before("UPLOAD END", theirs)
    server.faults.reply("UPLOAD END", b"")
    server.faults.cut("UPLOAD END", 0)
    with pytest.raises(LitekeepError, match="may not be ours"):
        create(keyed("new.db"), image, tmp_path, silent)
    assert server.catalog.get("new.db").key is None


def test_nothing_comes_back_less_or_more_secret_than_it_was(locked: Server, located: Located, keyed: Located) -> None:
    check_secrecy(keyed("new.db"), in_place=False, of_encrypted=True)
    check_secrecy(keyed("new.db"), in_place=False, of_encrypted=False)
    check_secrecy(keyed(), in_place=True, of_encrypted=True)
    with pytest.raises(UsageError, match="would not be encrypted"):
        check_secrecy(located("new.db"), in_place=False, of_encrypted=True)
    with pytest.raises(UsageError, match="is encrypted: add key="):
        check_secrecy(located(), in_place=True, of_encrypted=False)
    with Raw(locked) as raw:
        raw.ask(f"DECRYPT DATABASE '{NAME}'")
    with pytest.raises(UsageError, match="is not encrypted: leave out key="):
        check_secrecy(keyed(), in_place=True, of_encrypted=True)
    check_secrecy(located(), in_place=True, of_encrypted=True)


def test_where_nobody_can_tell_whether_it_is_encrypted_it_is_not_replaced_in_clear(
    locked: Server, located: Located
) -> None:
    locked.faults.error("LIST DATABASES DETAILED", 10002, "not allowed", times=None)
    with pytest.raises(UsageError, match="cannot be told"):
        check_secrecy(located(), in_place=True, of_encrypted=True)


class Place:
    """The encrypted database in place, what it was, and what was kept of it."""

    def __init__(self, server: Server, target: CloudLocation, image: Path, tmp_path: Path) -> None:
        self.server, self.target, self.image = server, target, image
        self.scratch = tmp_path / "scratch"
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        self.old = snapshot(target, self.scratch / "old.db")

    def replace(self, *, in_one_step: bool) -> None:
        def keep() -> str:
            (self.scratch / "safety.db").unlink(missing_ok=True)
            return snapshot(self.target, self.scratch / "safety.db").name

        replace_database(
            self.target, self.image, self.scratch, MOMENT, keep=keep, progress=silent, in_one_step=in_one_step
        )

    def holds(self, name: str, wanted: Path) -> bool:
        look = self.scratch / "look.db"
        look.unlink(missing_ok=True)
        there = self.server.catalog.find(name)
        if there is None or there.key != KEY:
            return False
        return difference(snapshot(replace(self.target, database=name), look), wanted) is None


@pytest.mark.parametrize("in_one_step", [False, True])
def test_in_place_it_stays_encrypted(
    locked: Server, keyed: Located, image: Path, tmp_path: Path, in_one_step: bool
) -> None:
    place = Place(locked, keyed(), image, tmp_path)
    place.replace(in_one_step=in_one_step)
    assert place.holds(NAME, image)
    assert difference(place.scratch / "safety.db", place.old) is None
    assert locked.catalog.names() == [NAME]


@pytest.mark.parametrize("in_one_step", [False, True])
@pytest.mark.parametrize("how", ["unanswered", "refused"])
def test_in_place_whatever_fails_nothing_is_lost(
    locked: Server, keyed: Located, image: Path, tmp_path: Path, how: str, in_one_step: bool
) -> None:
    stamina.set_testing(True, attempts=2)
    before = len(asked(locked))
    Place(locked, keyed(), image, tmp_path).replace(in_one_step=in_one_step)
    steps = len(asked(locked)) - before
    outcomes = set()
    for nth in range(1, steps, 2 if how == "unanswered" else 1):
        locked.faults.clear()
        for name in locked.catalog.names():
            locked.catalog.remove(locked.catalog.get(name))
        make_database(locked.data / NAME)
        with Raw(locked) as raw:
            raw.ask(f"ENCRYPT DATABASE '{NAME}' KEY ?", KEY)
        place = Place(locked, keyed(), image, tmp_path)
        if how == "unanswered":
            locked.faults.cut("", 0, nth=nth, times=None)
        else:
            locked.faults.error("", 10005, "disk failure on the node", nth=nth, times=None)
        said = ""
        try:
            place.replace(in_one_step=in_one_step)
        except LitekeepError as error:
            said = str(error)
        locked.faults.clear()
        assert KEY not in said
        outcomes.add(_as_told(place, said))
    assert outcomes == {"as it was", "by another name", "done"}


def _as_told(place: Place, said: str) -> str:
    if not said:
        assert place.holds(NAME, place.image)
        return "done"
    if "is as it was" in said:
        assert place.holds(NAME, place.old)
        return "as it was"
    assert difference(place.scratch / "safety.db", place.old) is None
    named = re.search(r"under the name (.+) beside", said)
    assert named is not None
    assert place.holds(named[1], place.image)
    return "by another name"


def test_a_native_restore_keeps_it_safe_and_proves_it(locked: Server, located: Located, tmp_path: Path) -> None:
    native.enable(located().address, NAME)
    moment = locked.clock.now()
    locked.clock.advance(60)
    with Raw(locked, NAME) as raw:
        raw.ask("DELETE FROM t")
    store = open_store(str(tmp_path / "backups"))
    order = NativeOrder(located(), moment, store, None, "test", timedelta(days=1))
    done = restore_native(order, clock=locked.clock.now)
    assert done.rows == 60
    assert [backup.name.id for backup in Catalog(store).backups()] == [done.safety]


def test_encrypting_twice_is_as_good_as_once(locked: Server, keyed: Located) -> None:
    databases.encrypt(keyed().address, NAME)
    assert sum(text.startswith("ENCRYPT") for text in asked(locked)) == 1  # that of the fixture
