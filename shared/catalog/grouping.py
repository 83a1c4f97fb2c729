"""Groups the objects of a listing by backup."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from shared.catalog.backup import Backup
from shared.catalog.summary import Summary, summarise
from shared.clock import latest_known
from shared.errors import NotGood
from shared.model import names
from shared.model.manifest import parse_manifest
from shared.model.names import BackupName, ObjectName
from shared.stores import StoredObject

Read = Summary | NotGood  # a summary, or why the manifest cannot be read
Dated = tuple[datetime, StoredObject]  # a verdict, with the time in its name


def what_is_missing(summary: Summary, listed: Mapping[str, StoredObject]) -> str | None:
    """Returns which artifact is missing or has another size; None if all are present.

    `listed` maps names to the objects of a listing.
    """
    if not summary.artifacts:
        return "its manifest names no artifact"
    for artifact in summary.artifacts:
        if artifact.object not in listed:
            return f"its artifact {artifact.object} is missing"
        if listed[artifact.object].size_bytes != artifact.size_bytes:
            return f"its artifact {artifact.object} has another size than was stored"
    return None


def by_time(backup: Backup) -> tuple[datetime, datetime, str]:
    """Sort key. Of two backups created in the same second the one stored later is the newer."""
    return (backup.created_at, backup.manifest.created_at, backup.name.id)


def named(found: Iterable[StoredObject]) -> Iterator[tuple[ObjectName, StoredObject]]:
    """Yields the objects of a listing that belong to backups, each with its parsed name."""
    for item in found:
        parsed = names.parse(item.name)
        if parsed is not None:
            yield parsed, item


def rewrappings_of(found: Iterable[tuple[ObjectName, StoredObject]]) -> dict[BackupName, tuple[StoredObject, ...]]:
    """Returns the re-wrapped data keys of each backup that has any, highest number first."""
    by_backup: dict[BackupName, list[tuple[int, StoredObject]]] = {}
    for parsed, item in found:
        if parsed.number is not None:
            by_backup.setdefault(parsed.backup, []).append((parsed.number, item))
    return {
        name: tuple(item for _, item in sorted(each, key=lambda pair: pair[0], reverse=True))
        for name, each in by_backup.items()
    }


def manifests_and_verdicts(
    found: Iterable[tuple[ObjectName, StoredObject]], now: datetime
) -> tuple[dict[BackupName, StoredObject], dict[BackupName, list[Dated]]]:
    """Returns the manifest of each backup, and its verdicts, newest first.

    Verdicts dated in the future are ignored: they would hide all later ones.
    """
    manifests: dict[BackupName, StoredObject] = {}
    verdicts: dict[BackupName, list[Dated]] = {}
    last_known = latest_known(now)
    for parsed, item in found:
        if parsed.role == "manifest":
            manifests[parsed.backup] = item
        elif parsed.verified_at and parsed.verified_at <= last_known:
            verdicts.setdefault(parsed.backup, []).append((parsed.verified_at, item))
    for own in verdicts.values():
        own.sort(key=lambda each: (each[0], each[1].name), reverse=True)
    return manifests, {name: own for name, own in verdicts.items() if name in manifests}


def seal_format(summary: Read | None) -> int:
    """Returns the manifest's `verdict_seal`; 0 if the manifest cannot be read."""
    return summary.verdict_seal if isinstance(summary, Summary) else 0


def summary_in(content: bytes | NotGood, name: BackupName, listed: Mapping[str, StoredObject]) -> Read:
    """Returns the summary of a manifest's bytes, or the error why they are not the manifest of that backup."""
    try:
        return content if isinstance(content, NotGood) else summarise(parse_manifest(content, name), listed)
    except NotGood as error:
        return error
