"""Reads SQLite's schema table: its rows, their hash, the application's schema version, row counts."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Literal, NamedTuple, cast, get_args

import apsw

from shared.errors import NoSql
from shared.sqlite.names import quote_name
from shared.text import printable

Kind = Literal["table", "index", "view", "trigger"]
_CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}

# Migration tools: their table, the SQL that identifies a migration, the columns that order migrations by time.
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
_MOST_STEPS = 50_000_000  # of SQLite's virtual machine, about a second


class SchemaObject(NamedTuple):
    """One row of sqlite_schema. `sql` is None for an automatic index."""

    kind: Kind
    name: str
    table: str
    root: int
    sql: str | None

    @property
    def title(self) -> str:
        """The object's kind and name, for messages."""
        return f"{self.kind} {self.name!r}"


def codec(connection: apsw.Connection) -> str:
    """Returns the name of the Python codec of the database's text encoding."""
    return _CODECS[str(connection.pragma("encoding"))]


def read_schema(connection: apsw.Connection) -> list[SchemaObject]:
    """Returns all objects in the order of sqlite_schema's rows. Raises NoSql for a name or SQL that is not text."""
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
        raise NoSql(f"schema entry {texts[1]!r} is of an unknown kind: it cannot be dumped as SQL")
    return SchemaObject(cast("Kind", texts[0]), texts[1], texts[2], int(root or 0), texts[3])


def schema_hash(connection: apsw.Connection) -> str:
    """Returns the SHA-256, in hex, of (type, name, tbl_name, sql) of all objects, independent of their order.

    Each field is hashed with its length, and NULL differs from an empty text, so no two schemas hash the same bytes.
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
    """Returns the application's schema version as one short line.

    That is the newest migration that Drizzle, Prisma, Django or Alembic recorded, else `user_version`.
    """
    tables = {
        str(name)
        for (name,) in connection.execute(
            f"SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name IN ({_NAMES})"
        )
    }
    for table, wanted, order in _MIGRATIONS:
        if table not in tables:
            continue  # not there, or a view, which may be an endless query
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
    """Limits the values and steps of queries inside the block: the schema may come from anyone."""
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
    """Returns the text with `?` for everything that ends a line or controls a terminal."""
    return printable(text, "?")


class TableFacts(NamedTuple):
    """Properties of a table or view. `kind` is table, virtual, shadow or view."""

    kind: str
    without_rowid: bool
    strict: bool


def table_facts(connection: apsw.Connection) -> dict[str, TableFacts]:
    """Returns the facts of each table and view by its name as sqlite_schema spells it.

    SQLite lists a table by the name in its SQL, and other programs may write sqlite_schema in another case.
    """
    # Views off: SQLite would expand each view to count its columns, and views on views grow exponentially.
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
    """Returns the name as SQLite compares it: only ASCII letters have a case."""
    return name.translate(_LOWER)


def is_internal(name: str) -> bool:
    """Returns whether the name is one of SQLite's own (sqlite_sequence, sqlite_stat1, ...)."""
    return name[:7].lower() == "sqlite_"


def user_tables(connection: apsw.Connection) -> list[str]:
    """Returns the names of ordinary and virtual tables, without shadow tables and SQLite's own."""
    schema = read_schema(connection)
    facts = table_facts(connection)
    return [entry.name for entry in schema if is_user_table(entry, facts)]


def is_user_table(entry: SchemaObject, facts: dict[str, TableFacts]) -> bool:
    """Returns whether it is an ordinary or virtual table, not a shadow table or SQLite's own."""
    if entry.kind != "table" or is_internal(entry.name):
        return False
    return entry.name not in facts or facts[entry.name].kind != "shadow"


def count_rows(connection: apsw.Connection) -> dict[str, int]:
    """Returns the rows of each table that has pages of its own, without SQLite's internal tables.

    Registers placeholders for unknown collations on the connection: SQLite needs them even to count.
    """
    connection.collation_needed(_stand_in)
    names = [
        entry.name
        for entry in read_schema(connection)
        if entry.kind == "table" and entry.root and not is_internal(entry.name)
    ]
    # NOT INDEXED: an index's collation may be unknown here, and another SQLite may have left the index empty.
    counts = {
        name: connection.execute(f"SELECT count(*) FROM main.{quote_name(name)} NOT INDEXED").get for name in names
    }
    connection.collation_needed(None)
    return {name: int(count) for name, count in counts.items()}


def _stand_in(connection: apsw.Connection, name: str) -> None:
    connection.create_collation(name, lambda one, two: (one > two) - (one < two))
