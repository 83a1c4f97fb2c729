"""Checks that the key versions that backups need still work. This needs no permission to decrypt."""

from collections.abc import Iterable, Iterator, Mapping

from shared.catalog.backup import Backup
from shared.catalog.checker import Checker
from shared.errors import KeyDenied, LitekeepError
from shared.events.log import Event
from shared.keys import Versioned
from shared.monitor.finding import Finding
from shared.text import count

_FINE = ("ENABLED", "PENDING_GENERATION", "PENDING_IMPORT")
_ADVICE = {
    "DISABLED": "enable it (gcloud kms keys versions enable)",
    "DESTROY_SCHEDULED": "cancel that in time (gcloud kms keys versions restore, then enable)",
    "DESTROYED": "it is lost: keep backups wrapped by another version or key, and take new ones",
}


def key_versions(backups: Iterable[Backup], checker: Checker) -> tuple[list[Finding], str | None]:
    """Returns a finding for each version that backups need and that does not work, and why this could not be checked.

    A backup that is also wrapped by another key (`litekeep rekey`) does not need a version of the first one.
    """
    needed: dict[str, list[Backup]] = {}
    for backup in backups:
        version = backup.summary.key if backup.summary else None
        if version is not None and "/cryptoKeyVersions/" in version and not backup.rewrappings and not backup.future:
            needed.setdefault(version, []).append(backup)
    if not needed:
        return [], None
    try:
        key = checker.opened_key
        if not isinstance(key, Versioned):
            return [], None
        states = key.version_states()
    except KeyDenied as error:
        return [], f"the states of the key's versions: {error}"
    except LitekeepError as error:
        return [
            Finding(Event.MONITOR_KEY_AT_RISK, f"the states of the key's versions are not known: {error}", {})
        ], None
    return list(_findings(needed, states)), None


def _findings(needed: dict[str, list[Backup]], states: Mapping[str, str]) -> Iterator[Finding]:
    for version, backups in sorted(needed.items()):
        state = states.get(version)
        if state is None or state in _FINE:
            continue
        newest = max(backups, key=lambda each: each.created_at)
        kept = f"{count(len(backups), 'kept backup needs', 'kept backups need')} it"
        yield Finding(
            Event.MONITOR_KEY_AT_RISK,
            f"the key version {version} is {state} and {kept}, the newest {newest.name.id} of {newest.name.database}: "
            f"{_ADVICE.get(state, 'see Cloud KMS in the Google Cloud console')}",
            {"database": newest.name.database, "kind": newest.name.kind, "backup_id": newest.name.id},
        )
