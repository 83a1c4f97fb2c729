"""Makes the retention policy from settings."""

from shared.model.kinds import Kind
from shared.retention.plan import RetentionPolicy
from shared.settings import Settings


def retention_policy(settings: Settings, *, force: bool = False) -> RetentionPolicy:
    """Returns the policy of BACKUP_RETENTION, BACKUP_MIN_KEEP and ENVIRONMENT. `force` lifts its safeguards."""
    lengths = {kind: settings.retention_of(kind) for kind in Kind}
    return RetentionPolicy(lengths, settings.backup_min_keep, force)
