"""Builds SQL expressions that turn a row into the text of its literals, and that detect trapped rows.

Comparisons use COLLATE BINARY, because a column's own collation may be unknown here. Elsewhere the column is named
alone, so that SQLite can return its storage class without reading its value.
"""

from collections.abc import Sequence

from shared.dump.literals import REAL_SQL, TEXT_SQL
from shared.dump.tables import Affinity, Column

_GROUP = 100  # arguments of a call; SQLite allows 127 by default
_LIKELIEST: dict[Affinity, str] = {
    "INTEGER": "integer",
    "NUMERIC": "integer",
    "REAL": "real",
    "TEXT": "text",
    "BLOB": "text",
}
_MARK = "char(0)"  # in the result: the fast expressions do not support this value

_LOOKS_NUMERIC = "{0} COLLATE BINARY<=CAST(9e999 AS NUMERIC)"  # for a text: whether a numeric column would convert it
_IS_NEGATIVE_ZERO = "({0} COLLATE BINARY=0 AND atan2({0},-1.0)<0)"
_IS_WHOLE = "(abs({0})<=9223372036854775808.0 AND CAST({0} AS INTEGER)={0} COLLATE BINARY)"


def row_text(columns: Sequence[tuple[str, Column]], rowid: str | None, *, careful: bool) -> str:
    """Returns an SQL expression for a row such as `1,'a',NULL`, from pairs (SQL name, column); the rowid is first."""
    texts = [literal(name, column) if careful else _fast(name, column) for name, column in columns]
    return joined([rowid, *texts] if rowid else texts)


def joined(texts: list[str]) -> str:
    """Returns an SQL expression that joins texts with commas."""
    while len(texts) > _GROUP:
        texts = [_call(texts[i : i + _GROUP]) for i in range(0, len(texts), _GROUP)]
    return _call(texts)


def _call(texts: list[str]) -> str:
    return f"concat_ws(',',{','.join(texts)})"


def _literals(name: str, negative_zero: str) -> dict[str, str]:
    """Returns for each storage class the SQL expression of its literal."""
    return {
        "text": TEXT_SQL.format(name),
        "integer": name,
        "real": REAL_SQL.format(name, negative_zero=negative_zero),
        "null": "'NULL'",
        "blob": f"quote({name})",
    }


def literal(name: str, column: Column) -> str:
    """Returns an SQL expression for the literal of any value."""
    if column.is_rowid:
        return name
    literals = _literals(name, "'-0.0'")
    literals["text"] = f"lk_text(CAST({name} AS BLOB))"
    return _by_class(name, column.affinity, literals)


def _fast(name: str, column: Column) -> str:
    """Returns the SQL expression for the literal of an ordinary value; it gives the mark for any other value."""
    if column.is_rowid:
        return name
    literals = _literals(name, "'-0.0'" if column.affinity == "BLOB" else _MARK)
    if column.not_null:
        literals["null"] = _MARK
    if column.affinity in ("INTEGER", "NUMERIC", "REAL"):
        literals["text"] = f"CASE WHEN {_LOOKS_NUMERIC.format(name)} THEN {_MARK} ELSE {literals['text']} END"
    if column.affinity in ("INTEGER", "NUMERIC"):
        literals["real"] = f"CASE WHEN {_IS_WHOLE.format(name)} THEN {_MARK} ELSE {literals['real']} END"
    if column.affinity == "TEXT":
        literals["integer"] = literals["real"] = _MARK
    if column.strict_class:
        for kind in literals.keys() - {column.strict_class, "null"}:
            literals[kind] = _MARK
    return _by_class(name, column.affinity, literals)


def _by_class(name: str, affinity: Affinity, literals: dict[str, str]) -> str:
    """Returns a CASE over the storage classes, the likeliest first."""
    order = sorted(literals, key=lambda kind: kind != _LIKELIEST[affinity])
    branches = " ".join(f"WHEN '{kind}' THEN {literals[kind]}" for kind in order[:-1])
    return f"CASE typeof({name}) {branches} ELSE {literals[order[-1]]} END"


def trapped(columns: Sequence[tuple[str, Column]]) -> str:
    """Returns an SQL expression: 1 if the row cannot be inserted under its table's own declaration, else 0."""
    tests = [test for name, column in columns if (test := _trap(name, column))]
    while len(tests) > 1:
        tests = [_any(tests[i : i + _GROUP]) for i in range(0, len(tests), _GROUP)]
    return tests[0] if tests else "0"


def _any(tests: list[str]) -> str:
    return f"max({','.join(tests)})" if len(tests) > 1 else tests[0]


def _trap(name: str, column: Column) -> str:
    """Returns an SQL expression: 1 for a value that the column would change or reject; empty if there is none."""
    if column.is_rowid:
        return ""
    tests = []
    if column.affinity in ("INTEGER", "NUMERIC", "REAL"):
        tests.append(f"WHEN 'text' THEN {_LOOKS_NUMERIC.format(name)}")
    if column.affinity in ("INTEGER", "NUMERIC"):
        tests.append(f"WHEN 'real' THEN {_IS_WHOLE.format(name)}")
    if column.affinity == "REAL":
        tests.append(f"WHEN 'real' THEN {_IS_NEGATIVE_ZERO.format(name)}")
    if column.affinity == "TEXT":
        tests.append("WHEN 'integer' THEN 1 WHEN 'real' THEN 1")
    if column.strict_class:
        kinds = ("text", "integer", "real", "blob")
        tests[:0] = [f"WHEN '{kind}' THEN 1" for kind in kinds if kind != column.strict_class]
    if column.not_null:
        tests.append("WHEN 'null' THEN 1")
    return f"CASE typeof({name}) {' '.join(tests)} ELSE 0 END" if tests else ""
