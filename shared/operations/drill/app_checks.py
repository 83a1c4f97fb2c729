"""The application's own checks: the file that BACKUP_DRILL_SQL names.

    -- Comments before the first name are for people.

    -- name: every order has a customer
    -- expect: 0
    SELECT count(*) FROM orders WHERE customer_id NOT IN (SELECT id FROM customers);

    -- name: nobody owes nothing
    -- database: billing
    -- expect: no rows
    SELECT id FROM invoices WHERE total <= 0;

`expect` is the value that the query's only column must have in its only row: a number, a 'text' (with quotes doubled),
NULL, a number after one of < <= > >=, or `no rows`. `expect` and the optional `database` follow the name; `database`
limits the check to one of several databases in the store. Then comes one query. The file is UTF-8, of at most 1 MiB.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.errors import UsageError

Comparison = Literal["is", "<", "<=", ">", ">=", "no rows"]

_LARGEST_FILE = 1 << 20
_LONGEST_NAME = 100
_NAME = re.compile(r"--[ \t]*name:(.*)", re.IGNORECASE)
_HEADER = re.compile(r"--[ \t]*(expect|database):(.*)", re.IGNORECASE)
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_BOUND = re.compile(rf"(<=|>=|<|>)\s*({_NUMBER})", re.ASCII)
_EXACT = re.compile(_NUMBER, re.ASCII)
_TEXT = re.compile(r"'((?:[^']|'')*)'", re.DOTALL)
_EXPECTS = "a number, 'text', NULL, < <= > >= and a number, or no rows"


@dataclass(frozen=True)
class Expected:
    """The result that a query must give. A found value is only compared, never shown."""

    comparison: Comparison
    value: int | float | str | None = None

    def fits(self, rows: list[tuple[object, ...]]) -> bool:
        """Returns whether the result is as expected. `rows` are at most the first two."""
        if self.comparison == "no rows" or len(rows) != 1:
            return self.comparison == "no rows" and not rows
        (found,) = rows[0]
        if self.comparison == "is":
            return _same(found, self.value)
        if not isinstance(found, int | float) or not isinstance(self.value, int | float):
            return False
        return {
            "<": found < self.value,
            "<=": found <= self.value,
            ">": found > self.value,
            ">=": found >= self.value,
        }[self.comparison]


@dataclass(frozen=True)
class AppCheck:
    """One named query. `database` is None if the check is for every database."""

    name: str
    sql: str
    expected: Expected
    database: str | None = None


def read_app_checks(path: Path) -> list[AppCheck]:
    """Reads the checks of a file, in order. Raises UsageError that names the wrong line but never quotes it."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise UsageError(f"BACKUP_DRILL_SQL: {path} has more than {_LARGEST_FILE} bytes: keep fewer checks in it")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"BACKUP_DRILL_SQL: cannot read {path} ({error.strerror}): correct the path") from None
    except UnicodeDecodeError:
        raise UsageError(f"BACKUP_DRILL_SQL: {path} is not UTF-8: save it as UTF-8") from None
    checks = parse_app_checks(text, str(path))
    if not checks:
        raise UsageError(f"BACKUP_DRILL_SQL: {path} has no checks: begin each with a line `-- name: …`")
    return checks


def parse_app_checks(text: str, source: str) -> list[AppCheck]:
    """Parses the checks of a text, which errors call `source`. Raises UsageError."""
    checks: dict[str, AppCheck] = {}
    for line, block in _blocks(text, source):
        check = _check(block, f"BACKUP_DRILL_SQL: {source}, line {line}")
        if check.name in checks:
            raise UsageError(f"BACKUP_DRILL_SQL: {source}, line {line}: a second check of that name: rename one")
        checks[check.name] = check
    return list(checks.values())


def _blocks(text: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the lines of each check, with the number of the first."""
    start, block = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        if _NAME.fullmatch(line.strip()):
            if start:
                yield start, block
            start, block = number, []
        elif not start and line.strip() and not line.lstrip().startswith("--"):
            raise UsageError(f"BACKUP_DRILL_SQL: {source}, line {number}: a query without a name: add `-- name: …`")
        block.append(line)
    if start:
        yield start, block


def _check(block: list[str], where: str) -> AppCheck:
    found = _NAME.fullmatch(block[0].strip())
    name = found[1].strip() if found else ""
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(f"{where}: a name is 1 to {_LONGEST_NAME} printable characters")
    header: dict[str, str] = {}
    body = 1
    while body < len(block) and (line := _HEADER.fullmatch(block[body].strip())):
        key = line[1].lower()
        if key in header:
            raise UsageError(f"{where}: `{key}` is given twice: keep one")
        header[key] = line[2].strip()
        body += 1
    sql = "\n".join(block[body:]).strip()
    if "expect" not in header:
        raise UsageError(f"{where}: `-- expect: …` is missing right after the name: {_EXPECTS}")
    if not sql:
        raise UsageError(f"{where}: the query is missing")
    return AppCheck(name, sql, _expected(header["expect"], where), header.get("database") or None)


def _expected(text: str, where: str) -> Expected:
    if text.lower() == "no rows":
        return Expected("no rows")
    if text.upper() == "NULL":
        return Expected("is", None)
    if bound := _BOUND.fullmatch(text):
        return Expected(_comparison(bound[1]), _number(bound[2]))
    if _EXACT.fullmatch(text):
        return Expected("is", _number(text))
    if quoted := _TEXT.fullmatch(text):
        return Expected("is", quoted[1].replace("''", "'"))
    raise UsageError(f"{where}: `expect` is wrong: allowed are {_EXPECTS}")


def _comparison(sign: str) -> Comparison:
    allowed: dict[str, Comparison] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
    return allowed[sign]


def _number(text: str) -> int | float:
    return float(text) if any(character in ".eE" for character in text) else int(text)


def _same(found: object, wanted: float | str | None) -> bool:
    """Compares as SQLite's IS does: 1 and 1.0 are the same, 1 and '1' are not."""
    if wanted is None or found is None:
        return found is wanted
    if isinstance(wanted, str):
        return isinstance(found, str) and found == wanted
    return isinstance(found, int | float) and found == wanted
