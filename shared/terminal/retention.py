"""From settings to the rules that retention goes by."""

from shared.model.kinds import Kind
from shared.retention.plan import Policy
from shared.settings import Settings


def retention_policy(settings: Settings, *, force: bool = False) -> Policy:
    """The policy that BACKUP_RETENTION, BACKUP_MIN_KEEP and ENVIRONMENT make."""
    lengths = {kind: settings.retention_of(kind) for kind in Kind}
    return Policy(lengths, settings.backup_min_keep, force)
