"""The steps that a dump consists of."""

from dataclasses import dataclass, field
from typing import NamedTuple

from shared.dump.entries import IndexEntries
from shared.dump.row_source import Rows
from shared.dump.tables import Table


class Sql(NamedTuple):
    """Complete statements, with their `;`."""

    text: str


class TableRows(NamedTuple):
    """The rows of a table. `counted_as` is its name in the row counts, None for SQLite's own tables.

    `declared` is its definition and its text while loading; both are needed to insert trapped rows.
    """

    rows: Rows
    counted_as: str | None
    declared: tuple[Table, str] | None = None


@dataclass(frozen=True)
class Entries:
    """The entries of an index."""

    index: IndexEntries


@dataclass
class DumpPlan:
    """All steps of a dump. `helper` is a name for temporary tables that no object of the database has."""

    encoding: str
    helper: str
    steps: list[Sql | TableRows | Entries] = field(default_factory=list)
    tables: int = 0
    objects: int | None = None  # rows of sqlite_schema that are not SQLite's own; None for a partial dump
    reindex: list[str] = field(default_factory=list)
