"""The page of status screens in docs, which `python -m tests.monitor.screens` writes."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from litekeep.status_screen import finding_lines, screen
from shared.model.kinds import default_retention
from shared.model.schedules import parse_schedules
from shared.monitor.listing import Listing, ObservedBackup
from shared.monitor.next_deletion import next_deletion
from shared.monitor.status import status_of
from shared.retention.plan import Candidate, RetentionPolicy
from shared.retention.rules import plan
from tests.monitor.builders import DAILY, NOW, hours, listing, nights, seen

PAGE = Path(__file__).parents[2] / "docs" / "status-screens.md"
_POLICY = RetentionPolicy(default_retention("production"))
_WEEKLY = parse_schedules("daily=0 0 * * *;weekly=0 0 * * 0")
_SMALL = {"sql": 21_000_000, "sqlite": 26_000_000}

CASES: Sequence[tuple[str, str, Listing]] = (
    ("Healthy", "exit 0", listing(nights(31))),
    ("Stale", "exit 1: no backup for two nights", listing(nights(29, until=hours(48.5)))),
    (
        "Failing",
        "exit 1: the newest backup did not pass its verification, so the recovery point is the previous one",
        listing([seen(hours(0.5), verified=False), *nights(30, until=hours(24.5))]),
    ),
    ("Never backed up", "exit 1", listing([], drilled=None)),
    (
        "Size anomaly",
        "exit 1: the newest backup is far smaller than usual, and a table is missing",
        listing(
            [
                seen(sizes=_SMALL, rows=380, row_counts={"users": 380}),
                seen(hours(24.5), row_counts={"users": 390, "orders": 610}),
                *nights(29, until=hours(48.5)),
            ]
        ),
    ),
    (
        "Neglected",
        "exit 1: backups are recent, but no verification and no drill runs",
        listing(nights(31, verified=None, in_copy=False), drilled=timedelta(days=40), copy_url="gs://acme-copy"),
    ),
)


def lines_of(case: Listing) -> list[str]:
    """Return the lines of the screen of a case, which has one database."""
    (database,) = case.databases
    status = status_of(database, case, DAILY, NOW)
    decisions = plan([_candidate(each) for each in case.databases[database]], _POLICY, NOW).decisions
    return [*screen(status, next_deletion(decisions)), *finding_lines(status.findings)]


def _candidate(each: ObservedBackup) -> Candidate:
    keep_until = each.created_at + (each.kept_for or timedelta(0))
    return Candidate(each.name, each.created_at, keep_until, verified=each.verified)


def page() -> str:
    """Return the page."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# What `litekeep status` shows"
    yield ""
    yield f"Each screen shows one database with a daily backup at 00:00 UTC, on {NOW:%Y-%m-%d %H:%M} UTC. `--json` has"
    yield "the same as fields. With several databases, each has its own lines."
    for title, about, case in CASES:
        yield from ("", f"## {title}", "", f"{about[0].upper()}{about[1:]}.", "", "```")
        yield from lines_of(case)
        yield "```"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
