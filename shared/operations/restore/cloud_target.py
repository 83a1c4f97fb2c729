"""The restore target on SQLite Cloud: prepared in a scratch folder, uploaded, and proven by a download.

Loads the driver.
"""

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from shared.clock import Clock, utc_now
from shared.databases.interface import Condition
from shared.model.manifest import Manifest
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.origin import was_encrypted
from shared.operations.restore.permitted import redeem
from shared.operations.restore.safety import safety_backup
from shared.operations.restore.to_cloud import check_secrecy, check_target, create, replace_database
from shared.runtime.disk import check_room
from shared.runtime.progress import Progress
from shared.runtime.workspace import scratch_folder
from shared.sqlitecloud import health
from shared.sqlitecloud.location import CloudLocation

_COPIES = 2.2  # the uploaded file and its download are in the folder at the same time


class CloudTarget:
    """Implements `RestoreTarget`."""

    def __init__(self, location: CloudLocation) -> None:
        self._location = location

    def check(self, doing: str, instead: str, *, in_place: bool) -> None:
        check_target(self._location, doing, instead, in_place=in_place)

    def check_manifest(self, manifest: Manifest, *, in_place: bool, any_source: bool) -> None:
        check_secrecy(self._location, in_place=in_place, of_encrypted=was_encrypted(manifest))

    def check_space(self, manifest: Manifest, *, partial: bool) -> None:
        image = manifest.sqlite.page_size * manifest.sqlite.page_count
        check_room(Path(tempfile.gettempdir()), int(image * _COPIES), f"the restore of {manifest.id}")

    def scratch(self) -> AbstractContextManager[Path]:
        return scratch_folder()

    def make_new(self, path: Path, scratch: Path, progress: Progress) -> None:
        create(self._location, path, scratch, progress)

    def put(
        self, path: Path, options: RestoreOptions, scratch: Path, clock: Clock, progress: Progress
    ) -> tuple[str | None, list[str]]:
        if not options.in_place:
            redeem(options)
            self.make_new(path, scratch, progress)
            return None, []

        return replace_database(
            self._location,
            path,
            scratch,
            clock(),
            keep=lambda: safety_backup(options).take_even_damaged(clock, progress),
            before_swap=lambda: redeem(options),
            progress=progress,
            in_one_step=options.in_one_step,
        )

    def notes_of(self, manifest: Manifest) -> list[str]:
        if not was_encrypted(manifest) or self._location.address.key:
            return []
        return ["the backed-up database was encrypted, and this one is not"]

    def free_bytes(self) -> int | None:
        return None  # the node does not report it

    def conditions(self) -> list[Condition]:
        results = health.check(self._location.address, self._location.database, utc_now(), restores=True)
        return [_for_target(result) for result in results]


def _for_target(result: health.Health) -> Condition:
    # A missing database is not a problem: the restore creates it.
    name = "target" if result.name == "source" else result.name
    return Condition(name, None if result.missing else result.ok, result.detail)
