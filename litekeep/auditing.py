"""Implements `litekeep audit` and `litekeep audit verify`."""

from datetime import datetime

from shared.audit.check import Report
from shared.audit.read import Entry
from shared.audit.search import Filter, search
from shared.clock import Clock, parse_time, rfc3339, utc_now
from shared.errors import UsageError
from shared.model.lengths import parse_length
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.more_flags import AuditFlags
from shared.terminal.screen import BAD, GOOD, say, say_json, table
from shared.terminal.trail_check import checked_trail
from shared.text import count

_SHOWN = 50  # findings that are listed; the rest is only counted
_COLUMNS = ("time", "who", "what", "of", "outcome", "reason")


def run_audit(settings: Settings, flags: AuditFlags, *, as_json: bool) -> None:
    """Lists audit events. Raises UsageError for a flag that is not a time, StoreError."""
    named = ("actor", "action", "outcome", "database", "backup_id")
    wanted = Filter(
        since=_since(flags.since), until=_time("--until", flags.until), **{name: getattr(flags, name) for name in named}
    )
    store = open_store(settings.backup_store)
    found = list(search(store, wanted, flags.limit))
    if as_json:
        say_json([{**(entry.event or {}), "object": entry.object} for entry in found])
        return
    if not found:
        say(f"No matching event in the audit trail of {store.url}")
        return
    table(_COLUMNS, map(_row, found), droppable=("reason", "outcome", "who", "what"), shortened=("who", "what"))
    if len(found) == flags.limit:
        say(f"These are the newest {len(found)}; for more: --limit, --since")


def run_verify(
    settings: Settings, since: str | None, *, as_json: bool, progress: Progress, clock: Clock = utc_now
) -> int:
    """Checks the audit trail. Returns 3 if it is not whole, else 0. Raises StoreError if a store cannot be read."""
    report = checked_trail(settings, _since(since), progress=progress, clock=clock)
    if as_json:
        say_json(report.to_json())
    else:
        _say(report, settings.backup_store)
    return 0 if report.ok else 3


def _say(report: Report, url: str) -> None:
    for each in report.findings[:_SHOWN]:
        say(f"{BAD} {each.object}: {each.what}")
    if len(report.findings) > _SHOWN:
        say(f"{BAD} and {len(report.findings) - _SHOWN} more: --json lists them")
    what = f"{count(report.checkpoints, 'checkpoint')}, {count(report.events, 'event')}"
    findings = len(report.findings)
    if report.ok:
        say(f"{GOOD} The audit trail of {url} is whole: {what}")
    elif report.checkpoints == 0 and findings == 1:
        say(f"Cannot tell whether the audit trail of {url} is whole: {count(report.events, 'event')}, no checkpoint")
    else:
        say(f"The audit trail of {url} is not whole: {count(findings, 'finding')} in {what}")
    for note in report.notes:
        say(f"  {note}")


def _row(entry: Entry) -> tuple[str, ...]:
    event = {name: str(value) for name, value in (entry.event or {}).items()}
    of = event.get("backup_id") or event.get("request") or event.get("database") or event.get("target", "")
    return (
        rfc3339(entry.name.at),
        event.get("person") or event.get("actor", ""),
        event.get("action", "") if event.get("event") == "audit" else event.get("event", ""),
        of,
        event.get("outcome", ""),
        event.get("reason", ""),
    )


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return utc_now() - parse_length(text)
    except (ValueError, OverflowError):
        return _time("--since", text)


def _time(flag: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_time(text)
    except ValueError:
        raise UsageError(f"{flag} {text!r} is not a time: write 24h, 7d or 2024-01-15T12:00:00Z") from None
