"""Lists the rows that differ in one table, by key, and on request with their values."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import apsw

from shared.compare.rows import Match, changed, only_in
from shared.sqlite.names import quote_name


class Sides(Protocol):
    """Two databases on one connection."""

    @property
    def connection(self) -> apsw.Connection: ...

    def match(self, table: str) -> Match | str: ...


def listed_rows(both: Sides, table: str, *, values: bool = False) -> Iterator[dict[str, Any]]:
    """Yields `{change, key}` for each row that differs, with `values` also `a` and `b`: its columns on each side.

    Yields nothing if the rows cannot be matched; the comparison says why.
    """
    match = both.match(table)
    if isinstance(match, str):
        return
    for change, side in (("removed", "a"), ("added", "b")):
        wanted = [match.key.of("x"), *(_named("x", match.columns) if values else ())]
        for row in only_in(both.connection, match, side, wanted):
            yield _item(change, match, row, {side: 0} if values else {})
    wanted = [match.key.of("x"), *([*_named("x", match.columns), *_named("y", match.columns)] if values else ())]
    for row in changed(both.connection, match, wanted):
        yield _item("changed", match, row, {"a": 0, "b": len(match.columns)} if values else {})


def _named(alias: str, columns: Sequence[str]) -> list[str]:
    return [f"{alias}.{quote_name(name)}" for name in columns]


def _item(change: str, match: Match, row: Sequence[Any], sides: dict[str, int]) -> dict[str, Any]:
    keys = len(match.key.columns)
    item: dict[str, Any] = {"change": change, "key": [shown(value) for value in row[:keys]]}
    for side, at in sides.items():
        found = row[keys + at : keys + at + len(match.columns)]
        item[side] = dict(zip(match.columns, map(shown, found), strict=True))
    return item


def shown(value: Any) -> Any:
    """Returns a value for JSON. A blob becomes an object with its bytes in hex."""
    return {"blob": bytes(value).hex()} if isinstance(value, bytes) else value
