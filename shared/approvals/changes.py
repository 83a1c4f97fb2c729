"""Finds what has changed since a request was made, to show it to the person who decides."""

from hashlib import sha256

from shared.approvals.actions import Value
from shared.approvals.desk import Desk
from shared.approvals.state import RequestState
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.errors import LitekeepError
from shared.model.names import SAFETY_PREFIX
from shared.text import count


def changes_since(catalog: Catalog, desk: Desk, state: RequestState) -> tuple[list[str], str | None]:
    """Returns a sentence for each change since the request was made, and why it cannot be approved, or None."""
    request, changes = state.request, []
    if request is None:
        return [], None
    if request.policy != desk.file.digest:
        changes.append(f"the policy was replaced by {desk.file.digest[:16]}")
    if "manifest_sha256" not in request.plan:
        return changes, None
    backups = catalog.backups(database=str(request.plan.get("database")))
    wanted = (request.plan.get("backup_id"), request.plan.get("kind"))
    backup = next((each for each in backups if (each.name.id, each.name.kind.value) == wanted), None)
    if backup is None:
        gone = f"the backup {request.plan.get('backup_id')} is gone"
        return [*changes, gone], gone
    for name, value in {"verified": backup.verified, "wrong": backup.wrong}.items():
        if name in request.about and request.about[name] != value:
            changes.append(f"{name} is {text_of(value)} now, and was {text_of(request.about[name])}")
    newer = [each for each in backups if each.created_at > backup.created_at and not each.future]
    newer = [each for each in newer if not each.name.id.startswith(SAFETY_PREFIX)]
    if newer:
        changes.append(f"{backup.name.database} has {count(len(newer), 'newer backup')}, the latest {newer[0].name.id}")
    replaced = _replaced(catalog, backup, str(request.plan["manifest_sha256"]))
    return [*changes, *([replaced] if replaced else [])], replaced


def _replaced(catalog: Catalog, backup: Backup, digest: str) -> str | None:
    try:
        _, raw = catalog.read_manifest(backup)
    except LitekeepError as error:
        return f"its manifest cannot be read: {error}"
    return None if sha256(raw).hexdigest() == digest else f"the manifest of {backup.name.id} was replaced since"


def text_of(value: Value) -> str:
    """Returns a value of a plan as readable text."""
    if isinstance(value, list):
        return ", ".join(value)
    return (
        "not known" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    )
