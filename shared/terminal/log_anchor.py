"""Reads the checkpoints that `remote.py` wrote to Cloud Logging, to compare the audit trail with them."""

from contextlib import suppress
from datetime import timedelta

from shared.audit.anchors import Anchor
from shared.audit.check import KEPT_FOR
from shared.clock import utc_now
from shared.model.log_address import checkpoint_log
from shared.settings import Settings
from shared.terminal.remote import CHECKPOINT, logged_store


def logged_checkpoints(settings: Settings) -> Anchor | None:
    """Returns the checkpoints of this store in Cloud Logging; None without BACKUP_EVENTS. Raises LitekeepError.

    If a checkpoint has several entries, the first one counts.
    """
    if settings.backup_events is None:
        return None
    name = checkpoint_log(settings.backup_events)
    from shared.remote_log.client import CloudLog  # noqa: PLC0415 - Google's library takes half a second to import

    found: dict[int, str] = {}
    since = utc_now() - KEPT_FOR - timedelta(days=5)
    for fields in CloudLog(name, patience=30.0).read({"event": CHECKPOINT, "store": logged_store(settings)}, since):
        with suppress(KeyError, TypeError, ValueError):
            found.setdefault(int(fields["checkpoint"]), str(fields["sha256"]))
    return Anchor(f"Cloud Logging, {name}", found, refilled=False)
