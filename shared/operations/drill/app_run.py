"""Running the application's checks on a restored database, each in a process with limits."""

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
_UNTIL_IT_IS_ASKED = 1.0  # seconds of CPU time: the query's own time begins later


def run_app_checks(path: Path, checks: Sequence[AppCheck], *, seconds_each: float = SECONDS_EACH) -> list[Check]:
    """Each check's verdict, in order. What a query gave is in none of them; nor is what SQLite says of values.

    The file must not be in use. A query that cannot run, or not within its seconds, did not pass.
    """
    limits = replace(allowances.ALLOWED.of(path.stat().st_size), cpu_seconds=seconds_each + _UNTIL_IT_IS_ASKED)
    verdicts: list[Check] = []
    while len(verdicts) < len(checks):
        with Confined() as child:
            verdicts += _until_it_ends(child, path, checks[len(verdicts) :], seconds_each, limits)
    return verdicts


def _until_it_ends(
    child: Confined, path: Path, checks: Sequence[AppCheck], seconds: float, limits: Limits
) -> list[Check]:
    """Verdicts, up to and with that of the query that ended the process."""
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
