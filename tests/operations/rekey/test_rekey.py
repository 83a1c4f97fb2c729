"""`rekey`: afterwards both keys open every backup, whatever fails meanwhile."""

from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest

from shared.catalog.holds import hold
from shared.catalog.listing import Catalog
from shared.errors import KeyProblem, NotGood, StoreError
from shared.keys.keyfile import KeyFile
from shared.keys.kms import CloudKey
from shared.model.kinds import Kind
from shared.operations.copy import copy_backups
from shared.operations.rekey.run import RekeyOptions, rekey
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.run import restore
from shared.retention.removal import delete_backup
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore
from tests.dump.equality import assert_equal
from tests.operations.rekey.builders import Place, opened_by, publish
from tests.operations.rekey.conftest import FROZEN
from tests.retention.cleanup.test_holds import Vault
from tests.servers.kms.fixture import KEY, URI
from tests.servers.kms.server import KmsServer

ALL = {f"backup-{number}" for number in range(6)}


def test_both_keys_open_every_backup_after_rekey(place: Place) -> None:
    done = place.rekey()
    assert ({name.id for name in done.done}, done.failed) == (ALL, {})
    assert place.opened_by(place.new()) == place.opened_by(place.old()) == ALL


def test_second_run_does_nothing_and_third_key_can_follow(place: Place, tmp_path: Path) -> None:
    place.rekey()
    again = place.rekey()
    assert (again.done, again.already) == ([], 6)
    third = KeyFile.create(tmp_path / "third.key")
    next_one = Place(place.store, place.new_path, tmp_path / "third.key")  # the old key is the newest sidecar's
    assert len(next_one.rekey().done) == 6
    assert place.opened_by(third) == place.opened_by(place.new()) == place.opened_by(place.old()) == ALL


def test_dry_run_writes_nothing_and_lists_backups(place: Place) -> None:
    before = list(place.store.list_objects(""))
    done = place.rekey(dry_run=True)
    assert {name.id for name in done.done} == ALL
    assert list(place.store.list_objects("")) == before


class FailingStore(FolderStore):
    """A store that fails at the given `create` and later ones: before storing the object, or right after it."""

    def __init__(self, root: Path, at: int, *, after: bool) -> None:
        super().__init__(root)
        self.left, self.after = at, after

    def create(self, *arguments: object) -> object:  # type: ignore[override]
        self.left -= 1
        if self.left < 0 and not self.after:
            raise StoreError("stopped")
        stored = super().create(*arguments)  # type: ignore[arg-type]
        if self.left < 0:
            raise StoreError("stopped")
        return stored


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(6))
def test_rekey_interrupted_at_any_object_is_finished_by_next_run(
    place: Place, tmp_path: Path, at: int, after: bool
) -> None:
    place.rekey(FailingStore(tmp_path / "store", at, after=after))
    assert place.opened_by(place.old()) == ALL
    assert at <= len(place.opened_by(place.new())) <= 6
    finished = place.rekey()
    assert (finished.failed, len(finished.done) + finished.already) == ({}, 6)
    assert place.opened_by(place.new()) == place.opened_by(place.old()) == ALL


def test_backup_of_oldest_format_restores_with_new_key(frozen: Place, tmp_path: Path) -> None:
    done = frozen.rekey()
    assert ([name.id for name in done.done], done.in_clear) == (["sealed"], 1)
    catalog = Catalog(frozen.store)
    target = FileLocation(tmp_path / "back.db")
    restore(RestoreOptions(catalog, catalog.find("sealed"), frozen.new(), target, prove=True))
    assert_equal(FROZEN / "original.sqlite", target.path)


def test_rekey_of_one_kind_or_database_leaves_the_others(place: Place) -> None:
    publish(place.store, "weekly-1", place.old(), kind=Kind.WEEKLY)
    publish(place.store, "other-1", place.old(), database="other")
    assert [name.id for name in place.rekey(kind=Kind.WEEKLY).done] == ["weekly-1"]
    assert [name.id for name in place.rekey(database="other").done] == ["other-1"]


def test_backup_under_unknown_key_is_reported_and_others_are_rewrapped(place: Place, tmp_path: Path) -> None:
    publish(place.store, "foreign", KeyFile.create(tmp_path / "foreign.key"))
    done = place.rekey()
    assert {name.id for name in done.done} == ALL
    assert list(done.failed) == ["daily/orders/foreign"]
    assert "is not the one that wrapped" in done.failed["daily/orders/foreign"]


def test_copy_store_gets_same_sidecars_and_its_own_backups_are_rewrapped(place: Place, tmp_path: Path) -> None:
    copy = FolderStore(tmp_path / "copy")
    for backup in Catalog(place.store).backups():
        copy.create(backup.manifest.name, (tmp_path / "store" / backup.manifest.name).read_bytes(), {})
    publish(copy, "only-here", place.old())
    place.rekey()
    assert place.rekey(copy, twin=place.store).failed == {}
    assert opened_by(copy, place.new()) == ALL | {"only-here"}
    name = "daily/orders/backup-3.rekey-1.json"
    assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / "store" / name).read_bytes()


def test_copy_includes_sidecars_added_later(frozen: Place, tmp_path: Path) -> None:
    copy = FolderStore(tmp_path / "copy")
    copy_backups(frozen.store, copy)
    frozen.rekey()
    copy_backups(frozen.store, copy)
    assert opened_by(copy, frozen.new()) == {"sealed"}


def test_deleting_backup_deletes_its_sidecars(place: Place) -> None:
    place.rekey()
    delete_backup(place.store, "backup-2", force=True)
    assert not [item.name for item in place.store.list_objects("") if "backup-2" in item.name]


def test_held_backup_is_rewrapped_and_its_sidecar_is_held(place: Place) -> None:
    vault = Vault(Path(place.store.url))
    hold(vault, "backup-1", "evidence", "ana")
    assert len(place.rekey(vault).done) == 6
    assert {name.rsplit("/")[-1] for name in vault.held} == {"backup-1.manifest.json", "backup-1.rekey-1.json"}


def test_new_rewrapping_gets_highest_number_even_after_deletions(place: Place, tmp_path: Path) -> None:
    place.rekey()
    KeyFile.create(tmp_path / "third.key")
    Place(place.store, place.new_path, tmp_path / "third.key").rekey()
    for item in list(place.store.list_objects("")):
        if ".rekey-1." in item.name:
            place.store.delete(item.name, item.generation)
    KeyFile.create(tmp_path / "fourth.key")
    Place(place.store, tmp_path / "third.key", tmp_path / "fourth.key").rekey()
    found = {item.name.split(".rekey-")[1] for item in place.store.list_objects("") if ".rekey-" in item.name}
    assert found == {"2.json", "3.json"}


# With Cloud KMS


def cloud(server: KmsServer, **more: float) -> CloudKey:
    return CloudKey(URI, endpoint=server.endpoint, **more)


def in_cloud(place: Place, server: KmsServer, **more: float) -> RekeyOptions:
    return RekeyOptions(place.store, place.old, lambda: cloud(server, **more))


def test_rekey_from_file_to_kms_and_to_next_key_version(place: Place, kms: KmsServer) -> None:
    rekey(in_cloud(place, kms))
    assert place.opened_by(cloud(kms)) == ALL
    kms.keys[KEY].rotate()
    rotated = RekeyOptions(place.store, lambda: cloud(kms), lambda: cloud(kms))
    assert len(rekey(rotated).done) == 6
    assert rekey(rotated).already == 6
    kms.keys[KEY].destroy(1)
    assert place.opened_by(cloud(kms)) == ALL


def test_kms_rate_limit_errors_are_retried(place: Place, kms: KmsServer) -> None:
    kms.fail(*[grpc.StatusCode.RESOURCE_EXHAUSTED] * 6)
    done = rekey(in_cloud(place, kms))
    assert (len(done.done), done.failed) == (6, {})


def test_new_key_that_cannot_unwrap_is_refused_before_any_write(place: Place, kms: KmsServer) -> None:
    before = list(place.store.list_objects(""))
    kms.keys[KEY].disable(1)
    with pytest.raises(KeyProblem, match="DISABLED"):
        rekey(in_cloud(place, kms))
    assert list(place.store.list_objects("")) == before


def test_repeated_key_failures_end_the_run(place: Place, kms: KmsServer) -> None:
    for number in range(40):
        publish(place.store, f"more-{number}", cloud(kms))
    kms.keys[KEY].disable(1)
    options = RekeyOptions(place.store, lambda: cloud(kms), place.new, kind=Kind.DAILY)
    with pytest.raises(KeyProblem, match="16 failures of a key in a row"):
        rekey(options)


def test_damaged_wrapped_key_is_detected(place: Place, kms: KmsServer) -> None:
    rekey(in_cloud(place, kms))
    path = Path(place.store.url) / "daily/orders/backup-0.rekey-1.json"
    path.chmod(0o600)
    content = path.read_bytes()
    at = content.index(b'"wrapped_key": "') + 40
    path.write_bytes(content[:at] + (b"A" if content[at : at + 1] != b"A" else b"B") + content[at + 1 :])
    assert place.opened_by(cloud(kms)) == ALL - {"backup-0"}
    backup = Catalog(place.store).find("backup-0")
    from shared.catalog.opening import open_manifest  # noqa: PLC0415

    with pytest.raises(NotGood, match="is not a re-wrapping of this backup's key"):
        open_manifest(Catalog(place.store), backup, cloud(kms))
