"""Restores of encrypted databases to SQLite Cloud, which never leave the data unencrypted."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import stamina

from shared.catalog.listing import Catalog
from shared.errors import LitekeepError, UsageError
from shared.operations.restore.native_restore import NativeRestoreOptions, restore_native
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


def test_new_database_is_encrypted_and_verified(server: Server, keyed: Located, image: Path, tmp_path: Path) -> None:
    create(keyed("new.db"), image, tmp_path, silent)
    assert server.catalog.get("new.db").key == KEY
    assert difference(snapshot(keyed("new.db"), tmp_path / "s.db"), image) is None
    assert not any(KEY in text for text in asked(server))


def test_restored_database_that_is_not_encrypted_is_removed(
    server: Server, keyed: Located, image: Path, tmp_path: Path
) -> None:
    for answer in (b"+2 OK", wire.error(Refusal(10005, "disk is full"))):
        server.faults.clear()
        server.faults.reply("ENCRYPT", answer, times=None)
        with pytest.raises(CloudError, match="was removed again") as caught:
            create(keyed("new.db"), image, tmp_path, silent)
        assert KEY not in str(caught.value)
        assert server.catalog.names() == [NAME]


def test_database_of_another_creator_is_not_encrypted(
    server: Server, keyed: Located, image: Path, tmp_path: Path
) -> None:
    def theirs(_: ServerSession) -> None:
        make_database(server.data / "new.db", "CREATE TABLE theirs (a);")

    server.faults.before("UPLOAD END", theirs)
    server.faults.reply("UPLOAD END", b"")
    server.faults.cut("UPLOAD END", 0)
    with pytest.raises(LitekeepError, match="may not be ours"):
        create(keyed("new.db"), image, tmp_path, silent)
    assert server.catalog.get("new.db").key is None


def test_restore_neither_drops_nor_adds_encryption(locked: Server, located: Located, keyed: Located) -> None:
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


def test_database_with_unknown_encryption_is_not_replaced_without_a_key(locked: Server, located: Located) -> None:
    locked.faults.error("LIST DATABASES DETAILED", 10002, "not allowed", times=None)
    with pytest.raises(UsageError, match="not known whether"):
        check_secrecy(located(), in_place=True, of_encrypted=True)


class Place:
    """An encrypted database to replace, with its old content and its safety backup."""

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
        """Returns whether the node's database `name` is encrypted and has the content of `wanted`."""
        copy = self.scratch / "copy.db"
        copy.unlink(missing_ok=True)
        found = self.server.catalog.find(name)
        if found is None or found.key != KEY:
            return False
        return difference(snapshot(replace(self.target, database=name), copy), wanted) is None


@pytest.mark.parametrize("in_one_step", [False, True])
def test_database_restored_in_place_stays_encrypted(
    locked: Server, keyed: Located, image: Path, tmp_path: Path, in_one_step: bool
) -> None:
    place = Place(locked, keyed(), image, tmp_path)
    place.replace(in_one_step=in_one_step)
    assert place.holds(NAME, image)
    assert difference(place.scratch / "safety.db", place.old) is None
    assert locked.catalog.names() == [NAME]


@pytest.mark.parametrize("in_one_step", [False, True])
@pytest.mark.parametrize("how", ["unanswered", "refused"])
def test_failure_at_any_step_of_an_encrypted_in_place_restore_loses_nothing(
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
        message = ""
        try:
            place.replace(in_one_step=in_one_step)
        except LitekeepError as error:
            message = str(error)
        locked.faults.clear()
        assert KEY not in message
        outcomes.add(_checked_outcome(place, message))
    assert outcomes == {"as it was", "by another name", "done"}


def _checked_outcome(place: Place, message: str) -> str:
    """Checks that the node is in the state that the error reports, and returns the outcome."""
    if not message:
        assert place.holds(NAME, place.image)
        return "done"
    if "is as it was" in message:
        assert place.holds(NAME, place.old)
        return "as it was"
    assert difference(place.scratch / "safety.db", place.old) is None
    named = re.search(r"under the name (.+) beside", message)
    assert named is not None
    assert place.holds(named[1], place.image)
    return "by another name"


def test_native_restore_of_an_encrypted_database_takes_a_safety_backup_and_verifies(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    native_backups.enable(located().address, NAME)
    moment = locked.clock.now()
    locked.clock.advance(60)
    with Raw(locked, NAME) as raw:
        raw.ask("DELETE FROM t")
    store = open_store(str(tmp_path / "backups"))
    order = NativeRestoreOptions(located(), moment, store, None, "test", timedelta(days=1))
    done = restore_native(order, clock=locked.clock.now)
    assert done.rows == 60
    assert [backup.name.id for backup in Catalog(store).backups()] == [done.safety]


def test_encrypting_an_encrypted_database_does_nothing(locked: Server, keyed: Located) -> None:
    databases.encrypt(keyed().address, NAME)
    assert sum(text.startswith("ENCRYPT") for text in asked(locked)) == 1  # by the fixture
