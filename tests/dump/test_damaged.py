"""A damaged source ends a dump with a clear error, never with wrong rows or an endless dump."""

import math
import struct
from contextlib import closing
from itertools import islice
from pathlib import Path

import apsw
import pytest

from shared.dump.dump import DumpHeader, dump
from shared.dump.reading import RowTally
from shared.dump.row_source import rows_of
from shared.dump.rows import register_literals, statements
from shared.dump.schema import table_facts
from shared.dump.tables import read_table
from shared.errors import CorruptSource

_PAGE = 4096
_HEADER = DumpHeader("app", "2024-01-15T00:00:00Z", "none")
_ENOUGH = 2000  # statements; more than a file of a few pages needs


def _leaves(data: bytearray, root: int) -> list[int]:
    """Returns the offsets of a table's leaf pages (https://sqlite.org/fileformat2.html, 1.6)."""
    base = (root - 1) * _PAGE
    assert data[base] == 5
    cells = int.from_bytes(data[base + 3 : base + 5], "big")
    starts = [int.from_bytes(data[base + 12 + 2 * i : base + 14 + 2 * i], "big") for i in range(cells)]
    pages = [int.from_bytes(data[base + at : base + at + 4], "big") for at in starts]
    pages.append(int.from_bytes(data[base + 8 : base + 12], "big"))
    return [(page - 1) * _PAGE for page in pages]


def _with_rowids_that_repeat(path: Path) -> Path:
    with closing(apsw.Connection(str(path))) as db:
        db.execute(f"PRAGMA page_size={_PAGE}; CREATE TABLE t(v)")
        db.execute(
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120) INSERT INTO t SELECT 'v' FROM n"
        )
        db.execute("UPDATE t SET v = printf('%.*c', 60, 'v')")
        root = db.execute("SELECT rootpage FROM sqlite_schema").get
    data = bytearray(path.read_bytes())
    last = _leaves(data, root)[-1]
    for cell in range(int.from_bytes(data[last + 3 : last + 5], "big")):
        at = last + int.from_bytes(data[last + 8 + 2 * cell : last + 10 + 2 * cell], "big")
        assert data[at + 1] < 0x80  # a rowid of one byte
        data[at + 1] = cell + 1
    path.write_bytes(data)
    return path


def test_repeated_rowids_are_reported_as_damage(tmp_path: Path) -> None:
    path = _with_rowids_that_repeat(tmp_path / "a.db")
    with closing(apsw.Connection(str(path))) as db, pytest.raises(CorruptSource, match="'t' is damaged"):
        list(islice(dump(db, _HEADER), _ENOUGH))


@pytest.mark.parametrize("ending", ["", " WITHOUT ROWID"])
def test_stored_nan_is_refused_with_advice(tmp_path: Path, ending: str) -> None:
    path, value = tmp_path / "a.db", 123456.789012345
    with closing(apsw.Connection(str(path))) as db:
        db.execute(f"CREATE TABLE t(id INTEGER PRIMARY KEY, big BLOB, v NUMERIC){ending}")
        db.execute("INSERT INTO t VALUES(1, zeroblob(9000), ?)", (value,))
    content = path.read_bytes()
    assert content.count(struct.pack(">d", value)) == 1
    path.write_bytes(content.replace(struct.pack(">d", value), struct.pack(">d", math.nan)))
    with (
        closing(apsw.Connection(str(path))) as db,
        pytest.raises(CorruptSource, match=r"'t'.*NaN.*BACKUP_FORMATS=sqlite"),
    ):
        list(dump(db, _HEADER))


def test_two_readers_of_one_connection_do_not_mix() -> None:
    with closing(apsw.Connection(":memory:")) as db:
        for name in ("t", "u"):
            db.execute(f"CREATE TABLE {name}(v)")
            db.execute(
                "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
                f" INSERT INTO {name} SELECT '{name}' || i FROM n"
            )
        register_literals(db, "utf-8")
        facts = table_facts(db)
        one, two = (
            statements(db, rows_of(read_table(db, name, facts[name])), "utf-8", RowTally()) for name in ("t", "u")
        )
        turns = [next(reading) for _ in range(2) for reading in (one, two)]
    assert all((b"'t" in text) != (b"'u" in text) for text in turns)
    assert [b"'t" in text for text in turns] == [True, False, True, False]


def test_dump_leaves_no_temporary_objects_on_its_connection() -> None:
    with closing(apsw.Connection(":memory:")) as db:
        db.execute("CREATE TABLE t(v); INSERT INTO t VALUES(1)")
        b"".join(dump(db, _HEADER))
        assert db.execute("SELECT count(*) FROM sqlite_temp_schema").get == 0
