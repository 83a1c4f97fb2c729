"""Compares an application's migrations with those that a restored database has had: Drizzle's journal and table.

Drizzle (drizzle-orm, `migrate` of its SQLite drivers) runs each entry of `meta/_journal.json` whose `when` is later
than the newest `created_at` of `__drizzle_migrations`, and records its `when` there.
"""

import json
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import apsw
from pydantic import BaseModel, Field, ValidationError

from shared.dump.schema import bounded, one_line
from shared.errors import UsageError

_TABLE = "__drizzle_migrations"
_MOST = 100_000  # entries of the journal, and rows of the table
_LARGEST = 16 << 20  # bytes of the journal
_LATEST = 1 << 53  # what a JavaScript number holds exactly


class _Entry(BaseModel):
    tag: str = Field(max_length=255)
    when: int = Field(ge=0, le=_LATEST)


class _Journal(BaseModel):
    entries: list[_Entry] = Field(max_length=_MOST)


@dataclass(frozen=True)
class Migrations:
    """The migrations that a restored database has had, and those that it lacks.

    `pending`: those that Drizzle would run now, in its order. `skipped`: missing, but older than the newest in the
    database, so that Drizzle never runs them. `unknown`: the number of those that the application does not have.
    """

    folder: str
    applied: int
    pending: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unknown: int = 0

    @property
    def lines(self) -> list[str]:
        """The result as lines of text."""
        lines = [f"migrations: {self.applied} of {self.folder} are in the backup"]
        if self.pending:
            lines.append(f"migrations to run now: {', '.join(self.pending)}")
        if self.skipped:
            lines.append(f"never ran there, and Drizzle will not run them: {', '.join(self.skipped)}")
        if self.unknown:
            lines.append(f"the backup has {self.unknown} that the application does not have: the backup is newer")
        return lines if len(lines) > 1 else [f"{lines[0]}: nothing to run"]


@dataclass(frozen=True)
class Journal:
    """The application's migrations as (tag, time in ms), in their order."""

    folder: Path
    entries: list[tuple[str, int]]


def read_journal(folder: Path) -> Journal:
    """Reads `meta/_journal.json` of Drizzle's folder. Raises UsageError, naming the file."""
    path = folder / "meta" / "_journal.json"
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"--migrations: {path} cannot be read ({error.strerror}): name Drizzle's folder") from None
    try:
        journal = _Journal.model_validate(json.loads(text[:_LARGEST]))  # a longer text is cut, and so invalid
    except (ValueError, ValidationError, RecursionError):
        raise UsageError(f"--migrations: {path} is no journal of Drizzle: name the folder that holds meta/") from None
    return Journal(folder, [(one_line(entry.tag), entry.when) for entry in journal.entries])


def compare_migrations(database: Path, journal: Journal) -> Migrations:
    """Compares the journal with the migrations that a database file records."""
    had = _applied(database)
    newest = max(had, default=-1)
    known = {when for _, when in journal.entries}
    return Migrations(
        folder=str(journal.folder),
        applied=sum(when in had for _, when in journal.entries),
        pending=[tag for tag, when in journal.entries if when > newest],
        skipped=[tag for tag, when in journal.entries if when < newest and when not in had],
        unknown=len(had - known),
    )


def _applied(database: Path) -> set[int]:
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        real = connection.execute(
            "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name = ?", (_TABLE,)
        ).get
        if not real:
            return set()  # not read from a view: its query could run forever
        try:
            with bounded(connection):
                rows = connection.execute(
                    f"SELECT CAST(created_at AS INTEGER) FROM main.{_TABLE} WHERE created_at IS NOT NULL LIMIT {_MOST}"
                ).fetchall()
        except apsw.Error as error:
            raise UsageError(
                f"--migrations: {_TABLE} of the backup cannot be read ({type(error).__name__}): leave the flag out"
            ) from None
    return {when for (when,) in rows if isinstance(when, int)}
