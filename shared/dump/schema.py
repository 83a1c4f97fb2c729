"""What SQLite's schema table says: its rows, their hash, the application's schema version, row counts."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Literal, cast, get_args

import apsw

from shared.errors import NoSql
from shared.sqlite.names import quote_name
from shared.text import printable

Kind = Literal["table", "index", "view", "trigger"]
_CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}

# Where migration tools keep their place: table, what identifies the newest migration, how to find it.
_MIGRATIONS = (
    ("__drizzle_migrations", "hash", ("created_at", "id")),
    ("_prisma_migrations", "migration_name", ("finished_at", "started_at")),
    ("django_migrations", "app || '.' || name", ("id",)),
    ("alembic_version", "version_num", ()),
)
_LONGEST_VERSION = 100  # characters
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_NAMES = ", ".join(f"'{table}'" for table, *_ in _MIGRATIONS)
_LARGEST_VALUE = 1_000_000  # bytes
_STEPS_BETWEEN_CALLS = 10_000
_MOST_STEPS = 50_000_000  # of SQLite's machine, a second or so


@dataclass(frozen=True)
class SchemaObject:
    """One row of sqlite_schema. `sql` is None for the indexes that SQLite makes by itself."""

    kind: Kind
    name: str
    table: str
    root: int
    sql: str | None

    @property
    def title(self) -> str:
        """How a person is told of it."""
        return f"{self.kind} {self.name!r}"


def codec(connection: apsw.Connection) -> str:
    """The Python codec of the database's text encoding."""
    return _CODECS[str(connection.pragma("encoding"))]


def read_schema(connection: apsw.Connection) -> list[SchemaObject]:
    """Every object in the order of sqlite_schema's rows. Raises SourceError for names that are not text."""
    encoding = codec(connection)
    rows = connection.execute(
        "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), rootpage, CAST(sql AS BLOB)"
        " FROM main.sqlite_schema ORDER BY rowid"
    )
    return [_schema_object(row, encoding) for row in rows]


def _schema_object(row: tuple[Any, ...], encoding: str) -> SchemaObject:
    kind, name, table, root, sql = row
    try:
        texts = [None if raw is None else bytes(raw).decode(encoding) for raw in (kind, name, table, sql)]
    except UnicodeDecodeError:
        raise NoSql(
            f"schema entry {bytes(name or b'')!r} holds text that is not valid in the database's encoding:"
            " rename it in the database, or keep its pages as they are with --allow-corrupt"
        ) from None
    if texts[0] not in get_args(Kind) or texts[1] is None or texts[2] is None:
        raise NoSql(f"schema entry {texts[1]!r} is of an unknown kind: a dump cannot carry it")
    return SchemaObject(cast("Kind", texts[0]), texts[1], texts[2], int(root or 0), texts[3])


def schema_hash(connection: apsw.Connection) -> str:
    """SHA-256, in hex, over (type, name, tbl_name, sql) of every object, whatever their order.

    Each field counts with its length, and a missing one as such, so no two schemas share a byte string.
    """
    rows = connection.execute(
        "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB)"
        " FROM main.sqlite_schema"
    )
    digest = hashlib.sha256()
    for entry in sorted(b"".join(_framed(field) for field in row) for row in rows):
        digest.update(_framed(entry))
    return digest.hexdigest()


def _framed(field: bytes | None) -> bytes:
    if field is None:
        return b"-"
    return b"%d:%s" % (len(field), field)


def schema_version(connection: apsw.Connection) -> str:
    """The application's own word for its schema's state, one short line.

    The newest migration that Drizzle, Prisma, Django or Alembic recorded, else `user_version`.
    """
    tables = {
        str(name)
        for (name,) in connection.execute(
            f"SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name IN ({_NAMES})"
        )
    }
    for table, wanted, order in _MIGRATIONS:
        if table not in tables:
            continue  # a view of that name may be a query without end
        with suppress(apsw.Error, UnicodeDecodeError), bounded(connection):
            by = f" ORDER BY {', '.join(f'{column} DESC' for column in order)}" if order else ""
            found = connection.execute(
                f"SELECT CAST({wanted} AS TEXT) FROM main.{table} WHERE {wanted} IS NOT NULL{by} LIMIT 1"
            ).get
            if found:
                return one_line(str(found))[:_LONGEST_VERSION]
    return str(connection.pragma("user_version"))


@contextmanager
def bounded(connection: apsw.Connection) -> Iterator[None]:
    """Ends a query whose values or steps are out of proportion: the schema may come from anyone."""
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += _STEPS_BETWEEN_CALLS
        return steps > _MOST_STEPS

    before = connection.limit(apsw.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
    connection.set_progress_handler(count, _STEPS_BETWEEN_CALLS, id="schema version")
    try:
        yield
    finally:
        connection.set_progress_handler(None, id="schema version")
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, before)


def one_line(text: str) -> str:
    """The text without anything that ends a line or steers a terminal."""
    return printable(text, "?")


@dataclass(frozen=True)
class TableFacts:
    """What SQLite takes a name for: `kind` is table, virtual, shadow or view."""

    kind: str
    without_rowid: bool
    strict: bool


def table_facts(connection: apsw.Connection) -> dict[str, TableFacts]:
    """The facts of each table and view, under its name as sqlite_schema spells it.

    SQLite lists a table by the name in its text, and other programs write sqlite_schema in another case.
    """
    # Asked for all, SQLite would expand each view to count its columns: views on views grow exponentially.
    views = connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, -1)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    try:
        query = "SELECT schema, name, type, wr, strict FROM pragma_table_list"
        rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, views)
    spelled = {
        folded(name): name
        for (raw,) in connection.execute("SELECT CAST(name AS BLOB) FROM main.sqlite_schema")
        if (name := bytes(raw or b"").decode(codec(connection), "replace"))
    }
    return {
        spelled.get(folded(str(name)), str(name)): TableFacts(str(kind), bool(without_rowid), bool(strict))
        for schema, name, kind, without_rowid, strict in rows
        if schema == "main"
    }


def folded(name: str) -> str:
    """The name as SQLite compares it: only ASCII letters have a case."""
    return name.translate(_LOWER)


def is_internal(name: str) -> bool:
    """Returns whether the name is one of SQLite's own (sqlite_sequence, sqlite_stat1, ...)."""
    return name[:7].lower() == "sqlite_"


def user_tables(connection: apsw.Connection) -> list[str]:
    """The names that people call tables: ordinary and virtual ones, not the shadows of these, nor SQLite's own."""
    schema = read_schema(connection)
    facts = table_facts(connection)
    return [entry.name for entry in schema if is_user_table(entry, facts)]


def is_user_table(entry: SchemaObject, facts: dict[str, TableFacts]) -> bool:
    """Returns whether people would call it a table of theirs."""
    if entry.kind != "table" or is_internal(entry.name):
        return False
    return entry.name not in facts or facts[entry.name].kind != "shadow"


def count_rows(connection: apsw.Connection) -> dict[str, int]:
    """Rows of each table that has pages of its own, SQLite's internal ones left out.

    Leaves stand-ins for unknown collations on the connection: counting needs no order, but SQLite asks for one.
    """
    connection.collation_needed(_stand_in)
    names = [
        entry.name
        for entry in read_schema(connection)
        if entry.kind == "table" and entry.root and not is_internal(entry.name)
    ]
    # Not by an index: its collation may be unknown here, and another program's SQLite may leave it empty.
    counts = {
        name: connection.execute(f"SELECT count(*) FROM main.{quote_name(name)} NOT INDEXED").get for name in names
    }
    connection.collation_needed(None)
    return {name: int(count) for name, count in counts.items()}


def _stand_in(connection: apsw.Connection, name: str) -> None:
    connection.create_collation(name, lambda one, two: (one > two) - (one < two))
