"""Advice for damage that SQLite's full check finds in a source."""

import re
from collections.abc import Sequence

_SHOWN = 3
_INDEX = re.compile(
    r"(?:row \d+ (?:missing from|values differ from)|wrong # of entries in) index (?P<name>.+)", re.DOTALL
)
_TWICE = re.compile(r"non-unique entry in index (?P<name>.+)", re.DOTALL)


def damage_line(problems: Sequence[str]) -> str:
    """Returns the problems and the advice as one line."""
    more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return f"{', '.join(problems[:_SHOWN])}{more}; {remedy(problems)}"


def remedy(problems: Sequence[str]) -> str:
    """Returns what to do in the source to remove the problems."""
    stale = _named(_INDEX, problems)
    twice = _named(_TWICE, problems)
    steps = []
    if twice:
        steps.append(f"remove the rows that break the UNIQUE index {', '.join(twice)} in the source")
    if stale:
        commands = ", ".join(f"REINDEX {name}" for name in stale)
        steps.append(f"run {commands} in the source, by the application if it has functions or collations of its own")
    if any(not (_INDEX.fullmatch(problem) or _TWICE.fullmatch(problem)) for problem in problems):
        steps.append(
            "run PRAGMA integrity_check in the source, and restore a backup from before the damage if rows are lost"
        )
    return "; ".join(steps)


def _named(pattern: re.Pattern[str], problems: Sequence[str]) -> list[str]:
    found = [match["name"] for problem in problems if (match := pattern.fullmatch(problem))]
    return list(dict.fromkeys(found))[:_SHOWN]
