"""Describes how two schemas differ."""

from dataclasses import dataclass

from shared.compare.shapes import Shape
from shared.dump.tables import Table


@dataclass(frozen=True)
class SchemaChange:
    """An index, view, trigger or table that was added, removed or changed. `how`: what changed in a table."""

    kind: str
    name: str
    change: str  # added, removed or changed
    how: str = ""

    def words(self) -> str:
        return f"{self.kind} {self.name} {self.change}{f': {self.how}' if self.how else ''}"


def schema_changes(a: Shape, b: Shape) -> list[SchemaChange]:
    """Returns the changes from `a` to `b`, tables first, each group by name, without shadow and internal tables."""
    shadows = _shadows(a) | _shadows(b)
    keys = sorted((a.objects.keys() | b.objects.keys()), key=lambda key: (key[0] != "table", key))
    changes = []
    for kind, name in keys:
        if kind == "table" and name in shadows:
            continue
        one, other = a.objects.get((kind, name)), b.objects.get((kind, name))
        if one is None or other is None:
            if (found := one or other) and found.sql is not None:
                changes.append(SchemaChange(kind, name, "removed" if other is None else "added"))
        elif one.sql != other.sql:
            how = _columns(a.tables.get(name), b.tables.get(name)) if kind == "table" else ""
            changes.append(SchemaChange(kind, name, "changed", how))
    return changes


def _shadows(shape: Shape) -> set[str]:
    known = shape.tables.keys() | shape.virtual.keys()
    contents = {virtual.content for virtual in shape.virtual.values() if virtual.content}
    return {name for kind, name in shape.objects if kind == "table" and (name not in known or name in contents)}


def _columns(one: Table | None, other: Table | None) -> str:
    if one is None or other is None:
        return ""
    before = {column.name: column for column in one.columns}
    after = {column.name: column for column in other.columns}
    words = [f"column {name} added" for name in after if name not in before]
    words += [f"column {name} removed" for name in before if name not in after]
    words += [f"column {name} changed" for name in before if name in after and before[name] != after[name]]
    if one.without_rowid != other.without_rowid:
        words.append("WITHOUT ROWID added" if other.without_rowid else "WITHOUT ROWID removed")
    return "; ".join(words) or "its constraints or its text"
