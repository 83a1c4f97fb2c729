"""A drill as JSON: for programs, for the plot of the next one, and for `litekeep drill --list`.

Fields are only ever added.
"""

from typing import Any

from shared.clock import rfc3339
from shared.operations.drill.attempt import Attempt
from shared.operations.drill.drill import Drill
from shared.operations.verify.judge import Check
from shared.version import TOOL

FORMAT = 1


def to_json(drill: Drill) -> dict[str, Any]:
    """Durations and ages are seconds. No value of a row, and none that a check's query gave, is in it."""
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
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "role": attempt.role.value,
        "backup_id": attempt.backup.id,
        "kind": attempt.backup.kind.value,
        "created_at": rfc3339(attempt.created_at),
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


def _check(check: Check) -> dict[str, Any]:
    return {"name": check.name, "ok": check.ok, "detail": check.detail}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
