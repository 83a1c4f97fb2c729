"""Which other backups can be restored, where the one that was meant cannot: asked of the store, object by object."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from shared.archive.reader import check_stored
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.catalog.paths import manifests_below
from shared.clock import rfc3339
from shared.continuous.path import Below, objects_of, path_to
from shared.errors import NotGood, ObjectMissing
from shared.keys import WrappingKey
from shared.model.manifest import Artifact
from shared.model.names import SAFETY_PREFIX


class Search:
    """Looks at stored bytes, at each object once however many points rest on it."""

    def __init__(self, catalog: Catalog, key: WrappingKey | None) -> None:
        self._catalog = catalog
        self._key = key
        self._known: dict[str, bool] = {}

    def first_that_holds(self, backups: Iterable[Backup]) -> Backup | None:
        """The first that is good as far as is known and whose stored bytes are as its manifest says.

        Raises StoreError or KeyProblem when that cannot be told.
        """
        return next((backup for backup in backups if backup.good and self.holds(backup)), None)

    def around(self, own: Sequence[Backup], moment: datetime) -> tuple[Backup | None, Backup | None]:
        """Of a database's backups, newest first: the nearest at or before that moment, and the nearest after it."""
        fitting = [backup for backup in own if not backup.name.id.startswith(SAFETY_PREFIX)]
        earlier = (backup for backup in fitting if backup.created_at <= moment)
        later = (backup for backup in reversed(fitting) if backup.created_at > moment)
        return self.first_that_holds(earlier), self.first_that_holds(later)

    def holds(self, backup: Backup) -> bool:
        """Whether its manifest is authentic and the stored bytes of an artifact (of a point: all) are as it says."""
        try:
            manifest, data_key = open_manifest(self._catalog, backup, self._key)
            if manifest.chain is None:
                return any(self._is_as_stored(artifact) for artifact in manifest.artifacts)
            path = path_to(self._catalog.store, manifest, data_key, Below(self._key, manifests_below(backup)))
        except (NotGood, ObjectMissing):
            return False
        found = [step.manifest.artifact(form) for step, form in objects_of(path)]
        return all(artifact is not None and self._is_as_stored(artifact) for artifact in found)

    def _is_as_stored(self, artifact: Artifact) -> bool:
        if artifact.object not in self._known:
            self._known[artifact.object] = self._look(artifact)
        return self._known[artifact.object]

    def _look(self, artifact: Artifact) -> bool:
        try:
            with self._catalog.store.open(artifact.object) as stored:
                check_stored(stored, artifact)
        except (NotGood, ObjectMissing):
            return False
        return True


def said_of(earlier: Backup | None, later: Backup | None) -> str:
    """Where one can go instead, for the end of an error."""
    found = [
        f"{backup.name.id}, taken {rfc3339(backup.created_at)}, {when} it"
        for backup, when in ((earlier, "before"), (later, "after"))
        if backup is not None
    ]
    return f"can be restored: {'; '.join(found)}" if found else "no other backup of it can be restored"
