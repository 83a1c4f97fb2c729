"""Notifies people of findings that begin and end, and calls the heartbeat, if the settings ask for it.

A failed notification fails no run. It is recorded, and is a finding of `litekeep status` and the monitor until the next
one succeeds.
"""

import atexit
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from shared.events.log import Event, Field, safe_line
from shared.model.notify_urls import schema_of
from shared.monitor.finding import Finding
from shared.notify.notices import Notice, mark_sent, message_of, unsent, update
from shared.notify.send import call_heartbeat, send
from shared.notify.state import NotifyState, changing, read_state, state_path
from shared.settings import Settings, state_folder

TRAIL = "the audit trail in the store"
EVENTS = "BACKUP_EVENTS"
_HEARTBEAT = "BACKUP_HEARTBEAT_URL"
_OF_UNITS = Path("/var/lib")  # state folder of the system units of `litekeep systemd`
_EACH_IS_ITS_OWN = (Event.MONITOR_NOT_GOOD, Event.MONITOR_FUTURE)
_LOOK, _RUN = "look ", "run "
# Events of a failed and of a successful run, by task.
_FAILED = {
    Event.BACKUP_FAILED: "backup",
    Event.CLEANUP_FAILED: "cleanup",
    Event.COPY_FAILED: "copy",
    Event.DRILL_FAILED: "drill",
}
_SUCCEEDED = {
    Event.BACKUP_SUCCEEDED: "backup",
    Event.BACKUP_SKIPPED: "backup",
    Event.CLEANUP_SUCCEEDED: "cleanup",
    Event.COPY_SUCCEEDED: "copy",
    Event.DRILL_SUCCEEDED: "drill",
}


def notify_of_run(settings: Settings) -> Callable[[Event, str, Mapping[str, Field]], None] | None:
    """Returns a function that records failed and successful tasks; people are notified when the process ends."""
    if not settings.backup_notify:
        return None
    failed: dict[str, Notice] = {}
    succeeded: set[str] = set()

    def remember(event: Event, message: str, fields: Mapping[str, Field]) -> None:
        task = _FAILED.get(event) or _SUCCEEDED.get(event)
        if task is None:
            return
        key = f"{_RUN}{task} {fields.get('database', '')} {fields.get('kind', '')}"
        if event in _FAILED:
            failed[key] = Notice(key, f"{event}: {message}", is_error=True)
        else:
            succeeded.add(key)

    def at_end() -> None:
        if failed or succeeded:
            _notify(settings, failed.values(), lambda key: key in succeeded)

    atexit.register(at_end)
    return remember


def notify_of_findings(settings: Settings, findings: Sequence[Finding]) -> None:
    """Notifies people of the monitor's findings that have begun or ended since the last time."""
    if settings.backup_notify:
        _notify(settings, _notices(findings), lambda key: key.startswith(_LOOK))


def call_heartbeat_at_end(settings: Settings) -> None:
    """Registers the heartbeat call for the end of the process, after a successful run."""
    url = settings.backup_heartbeat_url
    if url is None:
        return

    def at_end() -> None:
        _record(settings, {_HEARTBEAT: call_heartbeat(url)})

    atexit.register(at_end)


def failures_of(settings: Settings) -> list[Finding]:
    """Returns the recorded failures that concern these settings, of this user and of the system units."""
    wanted = {_name_of(url) for url in settings.backup_notify} | {TRAIL}
    wanted |= {_HEARTBEAT} if settings.backup_heartbeat_url else set()
    wanted |= {EVENTS} if settings.backup_events else set()
    folders = dict.fromkeys(folder for folder in (state_folder(), _OF_UNITS) if folder is not None)
    states = [read_state(_path(settings, folder)) for folder in folders]
    found = {name: why for state in states for name, why in state.failures.items() if name in wanted}
    return [_failure(name, why) for name, why in sorted(found.items())]


def note_failure(settings: Settings, name: str, why: str | None) -> None:
    """Records a failure for `failures_of` on this machine; `why=None` removes it."""
    if settings.cloud_run_job is not None:
        return  # its file system does not last, and alerts match the event
    folder = state_folder()
    if folder is not None and (why is not None or name in read_state(_path(settings, folder)).failures):
        _record(settings, {name: why})


def _failure(name: str, why: str) -> Finding:
    if name == TRAIL:
        return Finding(Event.AUDIT_GAP, f"{name} lacks events since the last check: {why}", {})
    return Finding(Event.MONITOR_NOTIFY_FAILED, f"{name} failed the last time: {why}; fix it, or unset it", {})


def _notices(findings: Iterable[Finding]) -> list[Notice]:
    """Returns the findings as notices. Their keys do not change with ages and newest backups."""
    notices: list[Notice] = []
    counts: dict[str, int] = {}
    for each in findings:
        names = ("database", "kind", "store", *(("backup_id",) if each.event in _EACH_IS_ITS_OWN else ()))
        key = _LOOK + " ".join([each.event, *(str(each.fields.get(name, "")) for name in names)])
        counts[key] = counts.get(key, 0) + 1
        notices.append(Notice(f"{key} {counts[key]}", f"{each.event}: {each.message}", each.is_error))
    return notices


def _notify(settings: Settings, seen: Iterable[Notice], looked_at: Callable[[str], bool]) -> None:
    """Updates the state and sends the unsent notices; those that fail are sent again the next time."""
    notices = [Notice(each.key, safe_line(each.message), each.is_error) for each in seen]

    def change(state: NotifyState) -> None:
        state.kept = update(state.kept, notices, looked_at)
        began, ended = unsent(state.kept)
        if not began and not ended:
            return
        title, body = message_of(socket.gethostname(), began, ended)
        kind = ("failure" if any(each.is_error for each in began) else "warning") if began else "success"
        answers = send(settings.backup_notify, title, body, kind)
        for url, why in zip(settings.backup_notify, answers, strict=True):
            _note(state, _name_of(url), why)
        if None in answers:
            state.kept = mark_sent(state.kept)

    _change(settings, change)


def _record(settings: Settings, results: Mapping[str, str | None]) -> None:
    def change(state: NotifyState) -> None:
        for name, why in results.items():
            _note(state, name, why)

    _change(settings, change)


def _note(state: NotifyState, name: str, why: str | None) -> None:
    if why is None:
        state.failures.pop(name, None)
        return
    state.failures[name] = why
    _warn(f"{name} did not work: {why}")


def _change(settings: Settings, change: Callable[[NotifyState], None]) -> None:
    folder = state_folder()
    if folder is None:
        _warn("no notification was sent: there is no home folder for their state; set XDG_STATE_HOME")
        return
    path = _path(settings, folder)
    try:
        with changing(path) as state:
            change(state)
    except Exception as error:  # noqa: BLE001 - a failed notification must not fail a finished run
        _warn(f"the state of notifications could not be stored in {path.parent} ({type(error).__name__})")


def _path(settings: Settings, folder: Path) -> Path:
    url = settings.backup_store
    return state_path(folder, url if url.startswith("gs://") else os.path.abspath(Path(url).expanduser()))  # noqa: PTH100 - no link is followed


def _name_of(url: str) -> str:
    return f"BACKUP_NOTIFY ({schema_of(url)}://…)"


def _warn(what: str) -> None:
    with suppress(OSError):
        print(f"warning: {what}", file=sys.stderr, flush=True)
