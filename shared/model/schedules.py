"""Backup schedules: five cron fields in UTC, as in Cloud Scheduler.

UTC has no daylight saving time, so each slot occurs once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from shared.model.kinds import Kind

_VALUE = r"(?:\*|\d{1,2}|[a-z]{3})"
_ITEM = rf"{_VALUE}(?:-{_VALUE})?(?:/\d{{1,2}})?"
_FIELD = re.compile(rf"{_ITEM}(?:,{_ITEM})*", re.ASCII | re.IGNORECASE)
_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)

# How late a backup may be stored after its slot: runs start late, take time and are retried.
_GRACE = {Kind.CONTINUOUS: timedelta(minutes=2), Kind.DAILY: timedelta(hours=1), Kind.WEEKLY: timedelta(days=1)}
SCHEDULED = tuple(_GRACE)


@dataclass(frozen=True)
class Schedule:
    """The schedule of one kind."""

    kind: Kind
    cron: str

    def next_after(self, now: datetime) -> datetime:
        """Returns the first slot after `now`."""
        return next(CronSim(self.cron, now.astimezone(UTC)))

    def slot_at(self, now: datetime) -> datetime:
        """Returns the newest slot at or before `now`."""
        until = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        return next(CronSim(self.cron, until, reverse=True))

    def allowed_age(self, now: datetime) -> timedelta:
        """Returns how old the newest backup may be: 25 hours daily, 8 days weekly, 5 minutes for every 3 minutes.

        This is the time between two slots plus a grace period. If slots are not evenly spaced, a backup of the last due
        slot is never too old, and one of an earlier slot is too old after the grace period.
        """
        due, before = self._last_two_due(now)
        return max(now - due, due - before + _GRACE[self.kind])

    def last_due(self, now: datetime) -> datetime:
        """Returns the last slot whose grace period is over: its backup should be stored by now."""
        return self._last_two_due(now)[0]

    def _last_two_due(self, now: datetime) -> tuple[datetime, datetime]:
        until = (now - _GRACE[self.kind]).astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        slots = CronSim(self.cron, until, reverse=True)
        return next(slots), next(slots)


DEFAULT_SCHEDULES: Mapping[Kind, Schedule] = {
    Kind.CONTINUOUS: Schedule(Kind.CONTINUOUS, "*/3 * * * *"),
    Kind.DAILY: Schedule(Kind.DAILY, "0 0 * * *"),
    Kind.WEEKLY: Schedule(Kind.WEEKLY, "0 0 * * 0"),
}


def parse_schedules(text: str) -> dict[Kind, Schedule]:
    """Parses `daily=0 0 * * *;weekly=0 0 * * 0`, or `off` for no schedule. Raises ValueError."""
    if text.strip() == "off":
        return {}
    found: dict[Kind, Schedule] = {}
    for pair in text.split(";"):
        kind, _, cron = (part.strip() for part in pair.partition("="))
        if kind not in SCHEDULED or Kind(kind) in found:
            raise ValueError(_ALLOWED)
        found[Kind(kind)] = Schedule(Kind(kind), _checked(cron))
    return found


_ALLOWED = (
    "allowed are off, or pairs such as daily=0 0 * * *;weekly=0 0 * * 0, each kind once: "
    f"{', '.join(SCHEDULED)}; five cron fields, UTC"
)


def _checked(cron: str) -> str:
    fields = cron.split()
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
        raise ValueError(_ALLOWED)
    try:
        next(CronSim(cron, _ANY_TIME))
    except (CronSimError, StopIteration):
        raise ValueError(_ALLOWED) from None
    return " ".join(fields)
