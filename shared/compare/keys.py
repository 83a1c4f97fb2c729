"""The key that the rows of a table are matched by: its primary key, or its rowid."""

from dataclasses import dataclass

from shared.dump.tables import KNOWN_COLLATIONS, Column, Constraint, Table
from shared.sqlite.names import quote_name


@dataclass(frozen=True)
class Key:
    """One key. `columns` are quoted SQL names; `is_rowid`: the key is a rowid that is not a column of the table."""

    columns: tuple[str, ...]
    names: tuple[str, ...]
    is_rowid: bool

    def match(self, one: str, other: str) -> str:
        """Returns the SQL condition that the rows of two aliases have the same key."""
        return " AND ".join(f"{one}.{column} = {other}.{column}" for column in self.columns)

    def of(self, alias: str) -> str:
        """Returns the key's columns of an alias, as an SQL list."""
        return ", ".join(f"{alias}.{column}" for column in self.columns)


@dataclass(frozen=True)
class Keys:
    """The keys that both tables have, the best first. `because`: why there is none."""

    candidates: tuple[Key, ...]
    because: str = ""


def shared_keys(one: Table, other: Table) -> Keys:
    """Returns the keys that can match the rows of two versions of a table with an index on both sides."""
    found: list[Key] = []
    if (declared := _declared(one)) and declared == _declared(other):
        if _comparable(one, other, declared):
            found.append(Key(tuple(map(quote_name, declared)), declared, is_rowid=False))
        elif one.without_rowid or other.without_rowid:
            return Keys((), "its primary key has a collation or a type that cannot be compared here")
    elif one.without_rowid or other.without_rowid:
        return Keys((), "its primary key differs")
    if one.rowid and one.rowid == other.rowid:
        found.append(Key((one.rowid,), ("rowid",), is_rowid=True))
    return Keys(tuple(found), "" if found else "it has no key: its columns hide the rowid")


def _declared(table: Table) -> tuple[str, ...]:
    """Returns the columns of the primary key, in the key's order."""
    if table.alias is not None:
        return (table.columns[table.alias].name,)
    primary = _primary(table)
    return () if primary is None else tuple(table.columns[key.place].name for key in primary.columns if key.is_key)


def _primary(table: Table) -> Constraint | None:
    return next((constraint for constraint in table.constraints if constraint.is_primary), None)


def _comparable(one: Table, other: Table, declared: tuple[str, ...]) -> bool:
    """Returns whether a lookup by this key can use an index: same affinities, known collations."""
    if (one.alias is None) != (other.alias is None):
        return False
    for name in declared:
        if _column(one, name).affinity != _column(other, name).affinity:
            return False
    return all(
        key.collation.upper() in KNOWN_COLLATIONS
        for table in (one, other)
        if (primary := _primary(table))
        for key in primary.columns
        if key.is_key
    ) and _collations(one) == _collations(other)


def _collations(table: Table) -> tuple[str, ...]:
    primary = _primary(table)
    return () if primary is None else tuple(key.collation.upper() for key in primary.columns if key.is_key)


def _column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)
