"""Text output of `litekeep status` for one database: its lines in a fixed order, then the findings."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from shared.catalog.verdicts import Trust
from shared.events.log import Event, safe_line
from shared.monitor.finding import Finding
from shared.monitor.listing import ObservedBackup
from shared.monitor.next_deletion import NextDeletion
from shared.monitor.status import Status, StatusLevel
from shared.text import age, count, moment, size

FINE, OPEN, ODD, WRONG = "✅", "⬜", "⚠️", "❌"
_MOST_FINDINGS = 10
_MOST_HELD = 2
_SEALS: dict[Trust | None, str] = {
    Trust.SIGNED: ", signed by the verifier",
    Trust.UNCHECKED: ", its seal not checked here",
    Trust.UNSEALED: ", from before verdicts had seals",
}


def screen(status: Status, going: NextDeletion | None) -> list[str]:
    """Returns the lines for one database."""
    return [safe_line(status.database), *_backup_lines(status), *_proof_lines(status), *_plan_lines(status, going)]


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Returns a line for each finding, at most ten; the last line counts the rest."""
    lines = [f"{WRONG if each.is_error else ODD} {each.event}: {safe_line(each.message)}" for each in findings]
    left = len(lines) - _MOST_FINDINGS
    return lines if left <= 0 else [*lines[:_MOST_FINDINGS], f"{ODD} and {left} more: litekeep status --json"]


def _backup_lines(status: Status) -> Iterator[str]:
    last = status.last
    if last is None or status.age is None:
        yield f"{WRONG} Last backup: never"
        yield f"{WRONG} Status: Never backed up"
        return
    fresh = WRONG if last.kind in _stale_kinds(status) else FINE
    yield f"{fresh} Last backup: {moment(last.created_at)}"
    yield f"{WRONG if status.standing is not StatusLevel.OK else FINE} Status: {_word(status)}"
    yield f"{fresh} Age: {age(status.age.total_seconds())} ({last.kind}, {last.name.id})"
    yield f"{_mark(status, Event.MONITOR_SIZE_ANOMALY, last)} Size: {size(last.size_bytes)}"
    if status.change_percent is not None and status.usual_bytes is not None:
        change = f"{status.change_percent:+.0f} % ({size(round(status.usual_bytes))} is usual)"
        yield f"{_mark(status, Event.MONITOR_SIZE_ANOMALY, last)} Change: {change}"


def _proof_lines(status: Status) -> Iterator[str]:
    if status.last is None:
        return
    proven = status.last_verified
    when = "not yet" if proven is None else f"{moment(proven.verified_at or proven.created_at)} ({_id_trust(proven)})"
    yield f"{_proof_mark(status, Event.MONITOR_UNVERIFIED, proven is not None)} Last verified: {when}"
    drilled = moment(status.drilled_at) if status.drilled_at else "not yet"
    yield f"{_proof_mark(status, Event.MONITOR_DRILL_OVERDUE, status.drilled_at is not None)} Last drilled: {drilled}"


def _id_trust(proven: ObservedBackup) -> str:
    """Returns its id, followed by the state of its verdict's seal unless the seal was checked and is valid."""
    return f"{proven.name.id}{_SEALS.get(proven.trust, '')}"


def _plan_lines(status: Status, going: NextDeletion | None) -> Iterator[str]:
    if status.next_scheduled is None:
        yield f"{FINE} Next scheduled: none (BACKUP_SCHEDULES)"
    else:
        yield f"{FINE} Next scheduled: {moment(status.next_scheduled.at)}"
    if status.last is None:
        return
    loss = "everything" if status.recovery_point is None else _loss(status.recovery_point)
    lost = status.recovery_point is None or status.last.wrong is not None or status.last.kind in _stale_kinds(status)
    yield f"{WRONG if lost else FINE} Recovery point: a loss now would cost {loss}"
    if (reach := status.reach) is not None:
        between = f"{moment(reach.since)} and {moment(reach.until)}"
        points = count(reach.points, "point")
        yield f"{FINE} Reachable: {points} between {between}, {size(reach.bytes_a_day)} in the last day"
    if going is None:
        yield f"{FINE} Deleted next: nothing"
    elif going.due:
        yield f"{FINE} Deleted next: {going.backup.id}, by the next cleanup"
    else:
        yield f"{FINE} Deleted next: {going.backup.id}, after {moment(going.at)}"
    if status.held:
        shown = ", ".join(status.held[:_MOST_HELD])
        more = f" and {len(status.held) - _MOST_HELD} more (litekeep list --held)" if status.held[_MOST_HELD:] else ""
        yield f"{FINE} Held: {shown}{more}"
    if (kept := status.pending_erasures) is not None:
        most = "" if kept.exact else "at most "
        taken = f"{most}{count(kept.backups, 'backup')} taken before"
        yield f"{FINE} Erasures: {most}{kept.erasures}, replayed on restores of {taken}"


def _loss(length: timedelta) -> str:
    return f"the last {age(length.total_seconds())}"


def _word(status: Status) -> str:
    if status.standing is StatusLevel.FAILING and status.last is not None:
        return f"Failing, {safe_line(status.last.wrong or '')}"
    return f"Stale, {' and '.join(_stale_kinds(status))}" if status.standing is StatusLevel.STALE else "Success"


def _stale_kinds(status: Status) -> list[str]:
    return [str(each.fields["kind"]) for each in status.findings if each.event is Event.MONITOR_STALE]


def _proof_mark(status: Status, event: Event, done: bool) -> str:
    """Returns OPEN for a proof that is missing and not overdue: it is neither good nor bad."""
    mark = _mark(status, event)
    return OPEN if mark == FINE and not done else mark


def _mark(status: Status, event: Event, about: ObservedBackup | None = None) -> str:
    found = (each for each in status.findings if each.event is event)
    return ODD if any(about is None or each.fields.get("backup_id") == about.name.id for each in found) else FINE
