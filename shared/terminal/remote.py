"""Writes events and checkpoints to Cloud Logging if BACKUP_EVENTS names a log."""

import atexit
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import LitekeepError
from shared.model.log_address import checkpoint_log, log_name
from shared.remote_log.lines import LogLine
from shared.remote_log.sender import Log, Sender
from shared.settings import Settings
from shared.terminal.endings import at_end
from shared.terminal.notify import EVENTS, note_failure

if TYPE_CHECKING:
    from shared.audit.checkpoint import Stored

CHECKPOINT = "audit.checkpoint"  # the event of a checkpoint


def sender_of(settings: Settings) -> Callable[[Mapping[str, Any]], None] | None:
    """Returns a function that sends each event; None without BACKUP_EVENTS and on Cloud Run, which logs stdout."""
    url = settings.backup_events
    if url is None or settings.cloud_run_job is not None:
        return None
    sender = Sender(lambda: _log(log_name(url)), lambda why: note_failure(settings, EVENTS, why))
    at_end(sender.flush)
    atexit.register(_flush_late, sender)
    return sender.add


def anchor_checkpoint(settings: Settings, stored: "Stored") -> str | None:
    """Writes the checkpoint's hash to the log of checkpoints, if there is one. Returns the error, or None."""
    if settings.backup_events is None:
        return None
    checkpoint = stored.checkpoint
    fields = {
        "event": CHECKPOINT,
        "store": logged_store(settings),
        "checkpoint": checkpoint.number,
        "sha256": stored.sha256,
    }
    line = LogLine(stored.sha256, checkpoint.taken_at, "INFO", fields)
    try:
        _log(checkpoint_log(settings.backup_events)).write([line])
    except ImportError:
        return "Google's library for it is not installed here"
    except LitekeepError as error:
        return str(error)
    return None


def logged_store(settings: Settings) -> str:
    """Returns a name of the store that is the same on every machine: a folder's includes its host."""
    url = settings.backup_store
    return url.rstrip("/") if url.startswith("gs://") else f"{socket.gethostname()}:{Path(url).expanduser().resolve()}"


def _log(name: str) -> Log:
    from shared.remote_log.client import CloudLog  # noqa: PLC0415 - Google's library takes half a second to import

    return CloudLog(name, {"host": socket.gethostname()})


def _flush_late(sender: Sender) -> None:
    with suppress(RuntimeError):  # no thread can be started while the interpreter shuts down
        sender.flush()
