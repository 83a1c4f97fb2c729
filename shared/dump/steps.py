"""The steps of a dump, in their order."""

from dataclasses import dataclass, field

from shared.dump.entries import CarriedIndex
from shared.dump.row_source import Rows
from shared.dump.tables import Table


@dataclass(frozen=True)
class Sql:
    """Statements, whole and with their ends."""

    text: str


@dataclass(frozen=True)
class TableRows:
    """The rows of a table. `counted_as` is None for SQLite's own tables.

    `declared` is its definition and its present text, by which trapped rows can be let in.
    """

    rows: Rows
    counted_as: str | None
    declared: tuple[Table, str] | None = None


@dataclass(frozen=True)
class Entries:
    """The entries of an index."""

    index: CarriedIndex


@dataclass
class DumpPlan:
    encoding: str
    helper: str
    steps: list[Sql | TableRows | Entries] = field(default_factory=list)
    tables: int = 0
    objects: int | None = None  # of a whole dump: rows of sqlite_schema that are not SQLite's own
    reindex: list[str] = field(default_factory=list)
