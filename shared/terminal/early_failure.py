"""Reports a job that failed before it had an event log: a wrong setting, no key, no store.

Alerts match events, so every failed run of a job emits one, however early it fails.
"""

from shared.errors import UsageError
from shared.events.log import Event
from shared.settings import minimal_settings, read_settings
from shared.terminal.parts import event_log


def emit_early_failure(event: Event, why: str, arguments: list[str]) -> None:
    """Emits the event if the log is JSON. On a terminal the error itself is enough."""
    try:
        settings = read_settings()
    except UsageError:
        settings = minimal_settings()
    if settings.logs_json and "--dry-run" not in arguments:
        log = event_log(settings, result_on_stdout="--json" in arguments)
        what = event.partition(".")[0]
        how = "was not started" if event.endswith(".refused") else "failed"
        log.emit(event, f"{what} {how}: {why}", {})
