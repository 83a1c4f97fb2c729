"""Finds other backups that can be restored when the chosen one cannot, by checking their stored objects."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from shared.archive.reader import check_stored
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.catalog.paths import manifests_below
from shared.clock import rfc3339
from shared.continuous.path import Parents, objects_of, path_to
from shared.errors import NotGood, ObjectMissing
from shared.keys import WrappingKey
from shared.model.manifest import Artifact
from shared.model.names import SAFETY_PREFIX


class Search:
    """Checks stored objects, each only once even if many points need it."""

    def __init__(self, catalog: Catalog, key: WrappingKey | None) -> None:
        self._catalog = catalog
        self._key = key
        self._known: dict[str, bool] = {}

    def first_usable(self, backups: Iterable[Backup]) -> Backup | None:
        """Returns the first backup not known to be bad whose stored bytes match its manifest, or None.

        Raises StoreError or KeyProblem if the check itself fails.
        """
        return next((backup for backup in backups if backup.good and self._is_usable(backup)), None)

    def around(self, own: Sequence[Backup], moment: datetime) -> tuple[Backup | None, Backup | None]:
        """Returns the nearest usable backup at or before `moment`, and the nearest after it.

        `own` are the backups of one database, newest first.
        """
        fitting = [backup for backup in own if not backup.name.id.startswith(SAFETY_PREFIX)]
        earlier = (backup for backup in fitting if backup.created_at <= moment)
        later = (backup for backup in reversed(fitting) if backup.created_at > moment)
        return self.first_usable(earlier), self.first_usable(later)

    def _is_usable(self, backup: Backup) -> bool:
        """Returns whether the manifest is authentic and the stored bytes of an artifact match it.

        A point needs all objects on its path.
        """
        try:
            manifest, data_key = open_manifest(self._catalog, backup, self._key)
            if manifest.chain is None:
                return any(self._is_as_stored(artifact) for artifact in manifest.artifacts)
            path = path_to(self._catalog.store, manifest, data_key, Parents(self._key, manifests_below(backup)))
        except (NotGood, ObjectMissing):
            return False
        found = [step.manifest.artifact(form) for step, form in objects_of(path)]
        return all(artifact is not None and self._is_as_stored(artifact) for artifact in found)

    def _is_as_stored(self, artifact: Artifact) -> bool:
        if artifact.object not in self._known:
            self._known[artifact.object] = self._matches(artifact)
        return self._known[artifact.object]

    def _matches(self, artifact: Artifact) -> bool:
        try:
            with self._catalog.store.open(artifact.object) as stored:
                check_stored(stored, artifact)
        except (NotGood, ObjectMissing):
            return False
        return True


def alternatives(earlier: Backup | None, later: Backup | None) -> str:
    """Describes the alternatives, for the end of an error."""
    found = [
        f"{backup.name.id}, taken {rfc3339(backup.created_at)}, {when} it"
        for backup, when in ((earlier, "before"), (later, "after"))
        if backup is not None
    ]
    return f"can be restored: {'; '.join(found)}" if found else "no other backup of it can be restored"
