"""Cloud Logging, where BACKUP_EVENTS names a log: events of machines outside Cloud Run, checkpoints as an anchor."""

import atexit
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.clock import utc_now
from shared.errors import LitekeepError
from shared.model.log_address import checkpoint_log, log_name
from shared.remote_log.lines import LogLine
from shared.remote_log.sender import Log, Sender
from shared.settings import Settings
from shared.terminal.endings import at_end
from shared.terminal.notify import EVENTS, note_failure

if TYPE_CHECKING:
    from shared.audit.anchors import Anchor
    from shared.audit.checkpoint import Stored

_EVENT = "audit.checkpoint"


def sender_of(settings: Settings) -> Callable[[Mapping[str, Any]], None] | None:
    """For an event log: sends each event. On Cloud Run stdout is the log already."""
    url = settings.backup_events
    if url is None or settings.cloud_run_job is not None:
        return None
    sender = Sender(lambda: _log(log_name(url)), lambda why: note_failure(settings, EVENTS, why))
    at_end(sender.flush)
    atexit.register(_flush_late, sender)
    return sender.add


def anchor_checkpoint(settings: Settings, stored: "Stored") -> str | None:
    """Writes the checkpoint's hash to the log of checkpoints, if there is one. Returns why it could not."""
    if settings.backup_events is None:
        return None
    checkpoint = stored.checkpoint
    fields = {"event": _EVENT, "store": _place(settings), "checkpoint": checkpoint.number, "sha256": stored.sha256}
    line = LogLine(stored.sha256, checkpoint.taken_at, "INFO", fields)
    try:
        _log(checkpoint_log(settings.backup_events)).write([line])
    except ImportError:
        return "Google's library for it is not installed here"
    except LitekeepError as error:
        return str(error)
    return None


def logged_checkpoints(settings: Settings) -> "Anchor | None":
    """What the log of checkpoints knows of that store; None if BACKUP_EVENTS names no log. Raises LitekeepError.

    Of two entries for one checkpoint the one that arrived first counts.
    """
    if settings.backup_events is None:
        return None
    name = checkpoint_log(settings.backup_events)
    from shared.audit.anchors import Anchor  # noqa: PLC0415 - only to verify
    from shared.audit.check import KEPT_FOR  # noqa: PLC0415
    from shared.remote_log.client import CloudLog  # noqa: PLC0415 - Google's library takes half a second to import

    found: dict[int, str] = {}
    since = utc_now() - KEPT_FOR - timedelta(days=5)
    for fields in CloudLog(name, patience=30.0).read({"event": _EVENT, "store": _place(settings)}, since):
        with suppress(KeyError, TypeError, ValueError):
            found.setdefault(int(fields["checkpoint"]), str(fields["sha256"]))
    return Anchor(f"Cloud Logging, {name}", found, refilled=False)


def _place(settings: Settings) -> str:
    """The store, as it is called from everywhere."""
    url = settings.backup_store
    return url.rstrip("/") if url.startswith("gs://") else f"{socket.gethostname()}:{Path(url).expanduser().resolve()}"


def _log(name: str) -> Log:
    from shared.remote_log.client import CloudLog  # noqa: PLC0415 - as above

    return CloudLog(name, {"host": socket.gethostname()})


def _flush_late(sender: Sender) -> None:
    with suppress(RuntimeError):  # an interpreter that ends starts no thread any more
        sender.flush()
