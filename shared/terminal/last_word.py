"""The event of a job's run that failed before it could report by itself: a wrong setting, no key, no store.

An alert fires on what is logged. So each failed run of a job says so by its own event, however early it failed.
"""

from shared.errors import UsageError
from shared.events.log import Event
from shared.settings import minimal_settings, read_settings
from shared.terminal.parts import event_log


def report_failure(event: Event, why: str, arguments: list[str]) -> None:
    """Writes the event where events are read by machines; who started it on a terminal reads the error itself."""
    try:
        settings = read_settings()
    except UsageError:
        settings = minimal_settings()
    if settings.logs_json and "--dry-run" not in arguments:
        log = event_log(settings, result_on_stdout="--json" in arguments)
        what = event.partition(".")[0]
        how = "was not begun" if event.endswith(".refused") else "failed"
        log.emit(event, f"{what} {how}: {why}", {})
