"""Past drills in a store. The name of a report says when the drill was and whether it passed.

The contents of a report are not trusted: only numbers within bounds and a valid backup id are taken from it.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from shared.audit.read import contents
from shared.catalog.signed_drills import doubt_of_report
from shared.errors import ObjectMissing, UsageError
from shared.model import names, report_names
from shared.model.report_names import DrillName
from shared.operations.drill.attempt import Role
from shared.operations.drill.drill import Trend
from shared.operations.drill.targets import Scenario
from shared.stores import Store, StoredObject

_LARGEST_REPORT = 4 << 20  # bytes
_LONGEST = 1e9  # seconds
_READ_AT_MOST = 60  # reports per database: five years of monthly drills
_IN_A_TREND = 12  # drills: three years of quarterly ones


@dataclass(frozen=True)
class PastDrill:
    """One past drill.

    `seconds` are the recovery times of the successful restores, by role; `played` those of the successful scenarios.
    """

    name: DrillName
    readable: bool = False
    backup_id: str | None = None
    data_age_seconds: float | None = None
    seconds: dict[Role, float] = field(default_factory=dict)
    played: dict[Scenario, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "database": self.name.database,
            "held_at": self.name.held_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "passed": self.name.passed,
            "backup_id": self.backup_id,
            "recovery_seconds": self.seconds.get(Role.LATEST),
            "data_age_seconds": self.data_age_seconds,
            "scenarios": {scenario.short: seconds for scenario, seconds in self.played.items()},
            "report": self.name.report,
            "page": self.name.page,
            "readable": self.readable,
        }


def drill_names(store: Store, database: str | None = None) -> list[DrillName]:
    """Returns the drills of a database, or of all, newest first, by one listing. Raises StoreError."""
    return [name for name, _ in _listed(store, database)]


def past_drills(store: Store, database: str | None = None) -> list[PastDrill]:
    """Returns all drills, newest first, with the figures of the newest sixty of each database. Raises StoreError.

    If the policy names a verifier, drills that it has not signed are left out.
    """
    read: Counter[str] = Counter()
    listed: list[tuple[DrillName, StoredObject, bool]] = []
    for name, item in _listed(store, database):
        read[name.database] += 1
        listed.append((name, item, read[name.database] <= _READ_AT_MOST))
    reports = contents(store, [item for _, item, wanted in listed if wanted], _LARGEST_REPORT)
    drills = (_read(name, next(reports)) if wanted else _unread(name) for name, _, wanted in listed)
    return [drill for drill in drills if drill is not None]


def _listed(store: Store, database: str | None) -> list[tuple[DrillName, StoredObject]]:
    found = (
        (report_names.parse_drill(item.name), item) for item in store.list_objects(report_names.drill_prefix(database))
    )
    return sorted(((name, item) for name, item in found if name), key=lambda each: _by_time(each[0]), reverse=True)


def _unread(name: DrillName) -> PastDrill | None:
    return PastDrill(name) if doubt_of_report(None, name) is None else None


def _by_time(name: DrillName) -> tuple[Any, str]:
    return name.held_at, name.report


def read_drill(store: Store, name: DrillName) -> PastDrill | None:
    """Returns one drill with its figures, or None if its signature is not valid. Raises StoreError."""
    try:
        with store.open(name.report) as stream:
            content = stream.read(_LARGEST_REPORT + 1)
    except ObjectMissing:
        content = None
    return _read(name, content)


def _read(name: DrillName, content: bytes | None) -> PastDrill | None:
    """Reads a report; `content` is None if it is gone."""
    try:
        document = json.loads(content) if content is not None and len(content) <= _LARGEST_REPORT else None
    except (ValueError, RecursionError):
        document = None
    if doubt_of_report(document, name) is not None:
        return None
    return _figures(name, document) if isinstance(document, dict) else PastDrill(name)


def _figures(name: DrillName, document: dict[str, Any]) -> PastDrill:
    restores = {str(restore.get("role")): restore for restore in _dicts(document.get("restores"))}
    seconds = {
        role: figure
        for role in Role
        if (restore := restores.get(role.value, {})).get("good") is True
        and (figure := _seconds(restore.get("recovery_seconds"))) is not None
    }
    backup_id = restores.get(Role.LATEST.value, {}).get("backup_id")
    rehearsals = {str(found.get("scenario")): found for found in _dicts(document.get("rehearsals"))}
    played = {
        scenario: figure
        for scenario in Scenario
        if (found := rehearsals.get(scenario.value, {})).get("ok") is True
        and (figure := _seconds(found.get("recovery_seconds"))) is not None
    }
    return PastDrill(name, True, _id(backup_id), _seconds(document.get("data_age_seconds")), seconds, played)


def trends(past: Iterable[PastDrill]) -> dict[Scenario, Trend]:
    """Returns the recovery times of each scenario in past drills, which are given newest first."""
    found: dict[Scenario, Trend] = {}
    drills = list(past)
    for scenario in Scenario:
        seconds = [drill.played[scenario] for drill in drills if scenario in drill.played][:_IN_A_TREND]
        if seconds:
            found[scenario] = Trend(seconds[0], median(seconds), len(seconds))
    return found


def _dicts(value: object) -> Iterable[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _LONGEST else None  # false for NaN and infinity too


def _id(value: object) -> str | None:
    try:
        return names.check_id(value) if isinstance(value, str) else None
    except UsageError:
        return None
