"""A drill as JSON, for programs, for the plot of the next drill, and for `litekeep drill --list`.

The format is stable: fields are added, never removed or changed.
"""

from dataclasses import asdict
from typing import Any

from shared.clock import rfc3339
from shared.operations.drill.attempt import Attempt
from shared.operations.drill.drill import Drill, Trend
from shared.operations.drill.rehearsal import Rehearsal
from shared.operations.verify.check import Check
from shared.version import TOOL

FORMAT = 1


def to_json(drill: Drill) -> dict[str, Any]:
    """Returns the report. Durations and ages are in seconds. It has no row values and no results of queries."""
    return {
        "format": FORMAT,
        "database": drill.database,
        "passed": drill.passed,
        "findings": list(drill.findings),
        "started_at": rfc3339(drill.started_at),
        "finished_at": rfc3339(drill.finished_at),
        "tool": TOOL,
        "store": drill.store,
        "copy_store": drill.copy_store,
        "report": drill.name.report,
        "data_age_seconds": drill.data_age_seconds,
        "recovery_times": [
            {
                "scenario": time.scenario.value,
                "target_seconds": time.target_seconds,
                "seconds": _rounded(time.seconds),
                "met": time.met,
                "measured": time.note,
            }
            for time in drill.times
        ],
        "recovery_points": [
            {
                "kind": point.kind.value,
                "backup_id": point.backup_id,
                "target_seconds": point.target_seconds,
                "age_seconds": _rounded(point.age_seconds),
                "met": point.met,
            }
            for point in drill.points
        ],
        "choice": {"seed": drill.seed, "older_candidates": drill.candidates},
        "restores": [_attempt(attempt) for attempt in drill.attempts],
        "rehearsals": [_rehearsal(found, drill.trends.get(found.scenario)) for found in drill.rehearsals],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "role": attempt.role.value,
        "backup_id": attempt.backup.id,
        "kind": attempt.backup.kind.value,
        "created_at": rfc3339(attempt.created_at),
        "moment": rfc3339(attempt.moment) if attempt.moment else None,
        "data_age_seconds": attempt.data_age_seconds,
        "store": attempt.store,
        "ok": attempt.ok,
        "good": None if attempt.error and not attempt.not_good else not attempt.not_good,
        "error": attempt.error,
        "artifact": attempt.artifact,
        "size_bytes": attempt.size_bytes,
        "rows": attempt.rows,
        "tables": attempt.tables,
        "restore_seconds": _rounded(attempt.restore_seconds),
        "recovery_seconds": _rounded(attempt.recovery_seconds),
        "app_seconds": _rounded(attempt.app_seconds),
        "checks": [_check(check) for check in attempt.checks],
        "app_checks": [_check(check) for check in attempt.app_checks],
    }


def _rehearsal(found: Rehearsal, trend: Trend | None) -> dict[str, Any]:
    return {
        "scenario": found.scenario.value,
        "ok": found.ok,
        "good": not found.not_good if found.error is None else None,
        "error": found.error,
        "backup_id": found.backup.id if found.backup else None,
        "kind": found.backup.kind.value if found.backup else None,
        "target": found.target,
        "recovery_seconds": _rounded(found.recovery_seconds),
        "lost_seconds": _rounded(found.lost_seconds),
        "lost_rows": found.lost_rows,
        "steps": [{"name": step.name, "seconds": _rounded(step.seconds)} for step in found.steps],
        "checks": [_check(check) for check in found.checks],
        "app_checks": [_check(check) for check in found.app_checks],
        "trend": trend and asdict(trend),
    }


def _check(check: Check) -> dict[str, Any]:
    return {"name": check.name, "ok": check.ok, "detail": check.detail}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
