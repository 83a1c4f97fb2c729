"""The restore target that is a SQLite file: prepared beside it, and moved into place in one step."""

import os
import socket
from contextlib import AbstractContextManager
from pathlib import Path

from shared.clock import Clock
from shared.databases.interface import Condition
from shared.errors import UsageError
from shared.model.manifest import Manifest
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.origin import was_encrypted
from shared.operations.restore.permitted import redeem
from shared.runtime.disk import check_room, free_bytes
from shared.runtime.progress import Progress
from shared.sqlite.beside import scratch_beside
from shared.sqlite.location import FileLocation
from shared.sqlite.neighbours import refuse_foreign_place
from shared.sqlite.replace import check_new, publish_new

PART_COPIES = 2.2  # the whole database and the restored part are in the folder at the same time


class FileTarget:
    """Implements `RestoreTarget`."""

    def __init__(self, location: FileLocation) -> None:
        self._location, self._path = location, location.path

    def check(self, doing: str, instead: str, *, in_place: bool) -> None:
        if not in_place:
            check_new(self._path, doing, instead)
        elif not self._path.exists():
            raise UsageError(f"cannot {doing}: the file does not exist; leave out --in-place to create it")
        else:
            refuse_foreign_place(self._path)

    def check_manifest(self, manifest: Manifest, *, in_place: bool, any_source: bool) -> None:
        """Refuses, in place, a backup of another file: files of one name share their backups in a store."""
        taken_of = manifest.source
        if not in_place or any_source or taken_of.path is None:
            return
        if taken_of.host == socket.gethostname() and taken_of.path != str(self._path.resolve()):
            raise UsageError(
                f"{manifest.id} was taken of {taken_of.path}, not of {self._path}: restore it to a new file with --to, "
                f"or, if it is the same database, add --database {manifest.database}"
            )

    def check_space(self, manifest: Manifest, *, partial: bool) -> None:
        image = manifest.sqlite.page_size * manifest.sqlite.page_count
        needed = int(image * (PART_COPIES if partial else 1))
        check_room(self._path.parent, needed, f"the restore of {manifest.id}", "choose another --to")

    def scratch(self) -> AbstractContextManager[Path]:
        return scratch_beside(self._path)

    def make_new(self, path: Path, scratch: Path, progress: Progress) -> None:
        publish_new(path, self._path)

    def put(
        self,
        path: Path,
        options: RestoreOptions,
        scratch: Path,
        clock: Clock,
        progress: Progress,
    ) -> tuple[str | None, list[str]]:
        if not options.in_place:
            redeem(options)
            self.make_new(path, scratch, progress)
            return None, []
        from shared.operations.restore.in_place import replace_file  # noqa: PLC0415 - only for --in-place

        return replace_file(self._path, path, options, clock, progress), []

    def notes_of(self, manifest: Manifest) -> list[str]:
        if not was_encrypted(manifest):
            return []
        return ["the database was encrypted on SQLite Cloud, and this file is not: protect it"]

    def free_bytes(self) -> int | None:
        return free_bytes(self._path.parent)

    def conditions(self) -> list[Condition]:
        folder, shown = self._path.absolute().parent, self._location.display
        if not folder.is_dir():
            return [Condition("target", ok=False, detail=f"the folder of {shown} is not there: make it")]
        if not os.access(folder, os.W_OK | os.X_OK):
            what = f"nothing can be written beside {shown}: check the rights of its folder"
            return [Condition("target", ok=False, detail=what)]
        return [Condition("target", ok=True, detail=f"{shown}: its folder can be written to")]
