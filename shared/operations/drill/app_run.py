"""Runs the application's checks on a restored database, in a process with limits."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from shared.errors import NotGood
from shared.operations.drill.app_checks import AppCheck
from shared.operations.drill.app_question import ask
from shared.operations.verify import allowances
from shared.operations.verify.check import Check
from shared.runtime.confined import Confined, CpuTimeExceeded
from shared.runtime.limits import Limits

SECONDS_EACH = 60.0
_START_SECONDS = 1.0  # CPU time of the process before the query starts


def run_app_checks(path: Path, checks: Sequence[AppCheck], *, seconds_each: float = SECONDS_EACH) -> list[Check]:
    """Returns the verdict of each check, in order. Verdicts contain no value of a row.

    The file must not be in use. A query that fails or takes longer than `seconds_each` does not pass.
    """
    limits = replace(allowances.ALLOWED.of(path.stat().st_size), cpu_seconds=seconds_each + _START_SECONDS)
    verdicts: list[Check] = []
    while len(verdicts) < len(checks):
        with Confined() as child:
            verdicts += _run_in_one_process(child, path, checks[len(verdicts) :], seconds_each, limits)
    return verdicts


def _run_in_one_process(
    child: Confined, path: Path, checks: Sequence[AppCheck], seconds: float, limits: Limits
) -> list[Check]:
    """Returns verdicts up to the first query that ended the process, and including it."""
    verdicts: list[Check] = []
    for check in checks:
        wanted = check.expected
        try:
            ok, detail = child.call(
                ask,
                path.absolute(),
                check.name,
                check.sql,
                wanted.comparison,
                wanted.value,
                seconds,
                limits=limits,
                what="the query",
            )
        except CpuTimeExceeded:
            return [*verdicts, Check(check.name, ok=False, detail=f"the query took longer than {seconds:g} s")]
        except NotGood as error:
            return [*verdicts, Check(check.name, ok=False, detail=str(error))]
        verdicts.append(Check(check.name, ok, detail))
    return verdicts
