"""Replays erasures on a private database file, before it gets its final name.

    1. Read each column once, and find the rows whose hash is in an entry, then the rows that refer to them.
    2. Delete those rows, or set their reference to NULL. Triggers do not fire; foreign keys are checked afterwards.
    3. Remove residue: rebuild full-text indexes, empty the samples of sqlite_stat3/4, and rewrite the file without
       free pages and slack (VACUUM INTO, which keeps rowids).
    4. Read the new file: no erased value may be left in the columns, and no further foreign key may be violated.

If a step cannot be done, the restore stops with an error that names the table and what to do.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import apsw

from shared.dump.schema import folded
from shared.errors import NotErased
from shared.operations.erasure.entry import ComparedColumn, Erasure, Hasher
from shared.operations.erasure.references import links_of, spread, unlink
from shared.operations.erasure.replayed import Replayed
from shared.operations.erasure.residue import check_forgets, forget_residue
from shared.operations.erasure.tables import Tables, find_place, find_rows
from shared.runtime.disk import check_room
from shared.sqlite.connect import distrust
from shared.sqlite.names import quote_name
from shared.text import count


def replay(
    path: Path,
    entries: Sequence[Erasure],
    hasher: Hasher,
    *,
    what: str,
    absent: Collection[str] = (),
) -> Replayed:
    """Erase the rows of `entries` from the closed private file at `path`. `what` names the backup in errors.

    `absent`: tables and TABLE.COLUMNs known not to be in this backup. Raises NotErased if an erasure cannot be
    replayed, and SourceError if the disk has no room.
    """
    done = Replayed([entry.id for entry in entries])
    if not entries:
        return done
    fresh = path.with_name(path.name + ".erased")
    known = frozenset(map(folded, absent))
    with _replay_errors(what):
        with closing(_open(path)) as connection:
            before = _violations(connection)
            _erase(connection, entries, hasher, done, what, known)
            mode = str(connection.pragma("journal_mode"))
            done.notes += forget_residue(connection, what)
            # VACUUM INTO writes a second file, at most as large as the first.
            check_room(path.parent, path.stat().st_size, f"replaying erasures on {what}")
            connection.execute("VACUUM INTO ?", (str(fresh),))
        fresh.chmod(0o600)
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        fresh.replace(path)
        _prove(path, entries, hasher, before, what)
        with closing(_open(path)) as connection:
            check_forgets(connection, what, erased=done.rows, absent=known)
            if mode == "wal":
                connection.pragma("journal_mode", "wal")
    return done


def count_matches(path: Path, entry: Erasure, hasher: Hasher) -> dict[str, int]:
    """Counts the rows of a private file that have a value of an entry, by TABLE.COLUMN. Does not change the file."""
    found = {}
    with _replay_errors("the database"), closing(_open(path)) as connection:
        tables = Tables(connection, "the database")
        for place in entry.places:
            table = tables.find(place.table)
            if table is not None:
                found[f"{table.name}.{place.column}"] = find_rows(connection, tables, table, place, [entry], hasher)
    return {place: count for place, count in found.items() if count}


@contextmanager
def _replay_errors(what: str) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        # SQLite's error may quote a value; only names of functions, modules and collations are passed on.
        message = str(error)
        known = next(
            (word for word in ("no such collation", "no such function", "no such module") if word in message), ""
        )
        detail = f" ({message[:200]})" if known else ""
        raise NotErased(
            f"the erasures cannot be replayed on {what}: {type(error).__name__}{detail}; use another backup, or "
            "--without-erasures if that is allowed"
        ) from None


def _open(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        distrust(connection)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
        connection.pragma("temp_store", 2)
        connection.pragma("secure_delete", 1)
    except BaseException:
        connection.close()
        raise
    return connection


def _erase(
    connection: apsw.Connection,
    entries: Sequence[Erasure],
    hasher: Hasher,
    done: Replayed,
    what: str,
    absent: frozenset[str],
) -> None:
    """Marks the rows to erase and those that refer to them, then deletes or unlinks them in one transaction."""
    tables = Tables(connection, what)
    for place, own in _by_place(entries):
        table = find_place(tables, place.table, [place.column], done, what, absent)
        if table is not None:
            find_rows(connection, tables, table, place, own, hasher)
    links = links_of(connection, entries, tables, done, what, absent)
    with connection:
        spread(connection, links, tables)
        for link, child, parent in links:
            if link.action != "delete":
                unlink(connection, link, child, parent, tables, done)
        for name in list(tables.marked):
            table = tables.find(name)
            assert table is not None, "rows of this table were found"
            condition = f"FROM main.{quote_name(table.name)} WHERE {tables.is_marked(table)}"
            count = int(connection.execute(f"SELECT count(*) {condition}").get)
            connection.execute(
                f"DELETE {condition}"
            )  # total_changes would count a full-text table's internal changes too
            if count:
                done.deleted[table.name] = count
    for temporary in tables.marked.values():
        connection.execute(f"DROP TABLE {temporary}")


def _by_place(entries: Sequence[Erasure]) -> list[tuple[ComparedColumn, list[Erasure]]]:
    """Returns each column once, with all its entries, so that it is read only once."""
    found: dict[tuple[str, str, bool], tuple[ComparedColumn, list[Erasure]]] = {}
    for entry in entries:
        for place in entry.places:
            key = (folded(place.table), folded(place.column), place.fold)
            found.setdefault(key, (place, []))[1].append(entry)
    return list(found.values())


def _violations(connection: apsw.Connection) -> int:
    return sum(1 for _ in connection.execute("PRAGMA main.foreign_key_check"))


def _prove(path: Path, entries: Sequence[Erasure], hasher: Hasher, before: int, what: str) -> None:
    """Reads the new file. Raises NotErased if an erased value is left, or if the file is not sound."""
    with closing(_open(path)) as connection:
        tables = Tables(connection, what)
        for place, own in _by_place(entries):
            table = tables.find(place.table)
            if table is None or all(folded(each.name) != folded(place.column) for each in table.columns):
                continue
            find_rows(connection, tables, table, place, own, hasher)
            left = connection.execute(f"SELECT count(*) FROM {tables.marked_table(table)}").fetchone()
            if left and left[0]:
                raise NotErased(
                    f"{what}: {count(left[0], 'row')} of {table.name} with erased values left after the replay"
                )
        if (now := _violations(connection)) > before:
            raise NotErased(
                f"the erasures cannot be replayed on {what}: {count(now - before, 'foreign key')} would be violated; "
                "record the erasure again, with the tables that refer to these rows (--also)"
            )
        if connection.pragma("freelist_count"):
            raise NotErased(f"{what}: free pages are left after the replay")
        problems = [str(row[0]) for row in connection.execute("PRAGMA main.quick_check(1)")]
        if problems != ["ok"]:
            raise NotErased(f"{what} is not sound after the replay of erasures: use another backup")
