"""Encrypted databases of SQLite Cloud: made and put back, and never left in clear."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import stamina

from shared.catalog.listing import Catalog
from shared.errors import LitekeepError, UsageError
from shared.operations.restore.native_restore import NativeOrder, restore_native
from shared.operations.restore.same import difference
from shared.operations.restore.to_cloud import check_secrecy, create, replace_database
from shared.runtime.progress import silent
from shared.sqlitecloud import databases, native_backups
from shared.sqlitecloud.failures import CloudError
from shared.sqlitecloud.location import CloudLocation
from shared.stores import open_store
from tests.servers.sqlitecloud import Server, wire
from tests.servers.sqlitecloud.errors import Refusal
from tests.servers.sqlitecloud.session import Session as ServerSession
from tests.sqlitecloud.conftest import NAME, make_database
from tests.sqlitecloud.encrypted import KEY, MOMENT, Located, asked, snapshot
from tests.sqlitecloud_server.raw import Raw


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
    native_backups.enable(located().address, NAME)
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
