"""Classifies SQLite's messages: damage, content that violates its declarations, and what could not be checked."""

import re
from collections.abc import Callable, Iterator

import apsw

from shared.sqlite.facts import Soundness

LIMIT = 1_000_000  # messages after which SQLite stops checking
STOPPED = f"SQLite stopped checking after {LIMIT} complaints"
_KEPT_PROBLEMS = 100
_KEPT_CHARACTERS = 300
_DISTINCT_PROBLEMS = 10_000

# The wording is that of integrity_check in pragma.c, of fts3.c and fts5_main.c.
_CONTENT = re.compile(r"(NULL value|non-[A-Z]+ value|(NUMERIC|TEXT) value|CHECK constraint failed) in .+", re.DOTALL)
_MISFIT = re.compile(r"malformed inverted index for FTS\d table [^.]+\.(?P<table>.+)", re.DOTALL)
# SQLite could not check an index (its content is gone, a tokenizer is unknown): that is not damage.
_UNCHECKED = re.compile(
    r"unable to validate the inverted index for FTS\d table [^.]+\..+: (?!.*(malformed|corrupt|disk I/O)).*",
    re.DOTALL | re.IGNORECASE,
)
_EXTERNAL_CONTENT = re.compile(r"[(,]\s*content\s*=", re.IGNORECASE)


class Findings:
    """Collects problems: damage apart from everything else."""

    def __init__(self, cancelled: Callable[[], bool] | None) -> None:
        self.cancelled = cancelled
        self._damage: dict[str, None] = {}
        self._other: dict[str, None] = {}

    @property
    def is_full(self) -> bool:
        return len(self._damage) >= _KEPT_PROBLEMS

    def add_damage(self, problem: str) -> None:
        self._damage[problem[:_KEPT_CHARACTERS]] = None

    def add_note(self, problem: str) -> None:
        if len(self._other) < _DISTINCT_PROBLEMS:
            self._other[problem[:_KEPT_CHARACTERS]] = None

    def merge(self, other: "Findings") -> None:
        self._damage |= other._damage
        self._other |= other._other

    def verdict(self, violations: int) -> Soundness:
        problems = [*self._damage, *sorted(self._other)][:_KEPT_PROBLEMS]
        return Soundness(good=not self._damage, problems=problems, foreign_key_violations=violations)


def classify(connection: apsw.Connection, complaints: Iterator[str], findings: Findings) -> None:
    """Adds each complaint to `findings` by its class."""
    for complaint in complaints:
        misfit = _MISFIT.fullmatch(complaint)
        if (
            complaint == STOPPED
            or _CONTENT.fullmatch(complaint)
            or (misfit and _has_external_content(connection, misfit["table"]))
        ):
            findings.add_note(complaint)
        elif _UNCHECKED.fullmatch(complaint):
            findings.add_note(f"cannot be checked: {complaint}")
        else:
            findings.add_damage(complaint)
        if findings.is_full:
            return


def _has_external_content(connection: apsw.Connection, table: str) -> bool:
    return _EXTERNAL_CONTENT.search(sql_of(connection, table)) is not None


def sql_of(connection: apsw.Connection, table: str) -> str:
    query = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?"
    return str(connection.execute(query, (table,)).get)
