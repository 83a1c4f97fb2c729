"""A folder with a database, a key and a store, for operations in this process."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.keys.keyfile import KeyFile
from shared.model.kinds import Kind
from shared.model.names import Format
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.operations.restore.options import Restored, RestoreOptions
from shared.operations.restore.run import restore
from shared.operations.verify.ladder import Verification, verify_backup
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore


@dataclass(frozen=True)
class Place:
    folder: Path
    key: KeyFile | None

    @property
    def catalog(self) -> Catalog:
        return Catalog(FolderStore(self.folder / "store"))

    def back_up(self, name: str = "one", formats: tuple[Format, ...] = (Format.SQLITE,)) -> None:
        location = FileLocation(self.folder / "app.db")
        options = BackupOptions(location, self.catalog.store, self.key, Kind.DAILY, timedelta(days=1), "test")
        take_backup(replace(options, formats=formats, name=name))

    def find(self, name: str = "one") -> Backup:
        return self.catalog.find(name)

    def verify(self, name: str = "one") -> Verification:
        return verify_backup(self.catalog, self.find(name), self.key)

    def restore(self, name: str = "one", *, again: bool = False) -> Restored:
        target = self.folder / "back.db"
        target.unlink(missing_ok=True)
        options = RestoreOptions(
            self.catalog, self.find(name), self.key, FileLocation(target), prove=True, prove_again=again
        )
        return restore(options)

    def proven_by(self, name: str = "one", *, again: bool = False) -> str:
        proof = self.restore(name, again=again).proof
        assert proof is not None
        return proof.by
