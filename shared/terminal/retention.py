"""From settings to the rules that retention goes by."""

from shared.model.kinds import Kind
from shared.retention.plan import RetentionPolicy
from shared.settings import Settings


def retention_policy(settings: Settings, *, force: bool = False) -> RetentionPolicy:
    """The policy that BACKUP_RETENTION, BACKUP_MIN_KEEP and ENVIRONMENT make."""
    lengths = {kind: settings.retention_of(kind) for kind in Kind}
    return RetentionPolicy(lengths, settings.backup_min_keep, force)
