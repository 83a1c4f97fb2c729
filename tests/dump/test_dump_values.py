"""Every value survives with its storage class and bits, and every row with its rowid."""

import math
import random
import struct
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.dump.dump import DumpHeader, dump
from shared.dump.literals import real_literal
from shared.errors import NoSql
from tests.dump.loading import built, counted, dumped, edit_schema, load_by_shell, round_trip

ENCODINGS = ("UTF-8", "UTF-16le", "UTF-16be")

TEXTS = [
    b"",
    b"plain",
    b"it's",
    b"''",
    b"\r",
    b"a\r\nb\r\n",
    b"\\r and \r",
    b"\\r0\\ \\r \r",
    b"'\r'",
    b"line\n.quit\n#comment\n/\ngo\n;\n",
    b"-- no comment /* none",
    b"tab\t\x0b\x0c\x1a\x1b[0m",
    "\ufeffmark".encode(),
    "Grüße 漢字 \U0001f600".encode(),
    "\ufffe\uffff".encode(),
    "\u2028\x85".encode(),
]
RAW = [b"\xff", b"\x80", b"a\0b", b"\0", b"''\0", b"\xed\xa0\x80", b"\xc3", b"\xf5\x80\x80\x80", b"\xc0\x80"]
NUMBERS = [0, 1, -1, 2**53, 2**63 - 1, -(2**63), 0.0, 1.0, -2.5, 19.99, 1e15, 1e16, 123456789012345678.0, 1e22]
REALS = [math.inf, -math.inf, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e300, 1e-290]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_text_survives(tmp_path: Path, encoding: str) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute(f"PRAGMA encoding='{encoding}'; CREATE TABLE t(a TEXT, b BLOB, c)")
        for raw in TEXTS + RAW:
            db.execute("INSERT INTO t VALUES(CAST(?1 AS TEXT), ?1, CAST(?1 AS TEXT))", (raw,))
        for raw in TEXTS:
            db.execute("INSERT INTO t VALUES(?1, ?1, ?1)", (raw.decode(),))

    round_trip(tmp_path, build)


def test_lone_surrogates_survive_in_utf_16(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("PRAGMA encoding='UTF-16le'; CREATE TABLE t(a)")
        for raw in (b"\x00\xd8", b"\x00\xdc", b"a\x00\x00\xd8b\x00", b"\xff\xfe", b"\xfe\xff"):
            db.execute("INSERT INTO t VALUES(CAST(? AS TEXT))", (raw,))

    round_trip(tmp_path, build)


def test_numbers_keep_storage_class_and_bits_in_every_column(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a, i INTEGER, n NUMERIC, r REAL, t TEXT, b BLOB, d DATETIME, v VARCHAR(9))")
        for value in NUMBERS + REALS:
            db.execute(f"INSERT INTO t VALUES({','.join(['?1'] * 8)})", (value,))

    sql = round_trip(tmp_path, build)
    assert b"writable_schema" not in sql


def test_blobs_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a, b TEXT)")
        for blob in (b"", b"\0", bytes(range(256)), b"12"):
            db.execute("INSERT INTO t VALUES(?1, ?1)", (blob,))
        db.execute("INSERT INTO t VALUES(zeroblob(1000), NULL)")

    round_trip(tmp_path, build)


TRAPS: list[object] = ["12", "1e3", " 5 ", "9e999", ".5", "5.", "+5", "5\0", "12345678901234567890", "-0"]
TRAPS += [12, 12.0, -0.0, 0.0, 9.3e18, -9223372036854775808.0, 9223372036854774784.0, 0.5, 1e300, None, b"12"]
TRAPS += ["abc", "2024-01-01", "0x10", "1_0", "nan", "inf", "1e", "- 5", ""]


@pytest.mark.parametrize("ending", ["", " WITHOUT ROWID"])
def test_values_that_their_column_would_convert_survive(tmp_path: Path, ending: str) -> None:
    columns = "i INTEGER, n DATETIME, r DOUBLE, x TEXT, b BLOB, f BOOLEAN NOT NULL"
    true = f"CREATE TABLE t(k PRIMARY KEY, {columns}, u UNIQUE){ending}"

    def build(db: apsw.Connection) -> None:
        db.execute(f"CREATE TABLE t(k PRIMARY KEY, i, n, r, x, b, f, u UNIQUE){ending}")
        for number, value in enumerate(TRAPS):
            db.execute("INSERT INTO t VALUES(?1, ?2, ?2, ?2, ?2, ?2, ?2, ?1)", (number, value))
        edit_schema(db, "t", true)

    sql = round_trip(tmp_path, build)
    assert b"writable_schema" in sql


def test_values_that_a_strict_table_refuses_survive(tmp_path: Path) -> None:
    true = "CREATE TABLE t(i INT, t TEXT NOT NULL, r REAL, b BLOB, x ANY) STRICT"

    def build(db: apsw.Connection) -> None:
        db.execute(true)
        db.execute("INSERT INTO t VALUES(1, 'x', 2, x'00', '5'), (2, '5', 0.5, NULL, 5.0)")
        edit_schema(db, "t", "CREATE TABLE t(i, t, r, b, x)")
        db.execute("INSERT INTO t VALUES('q', 5, 'z', 't', 1), (1.5, NULL, 3, 4, x'')")
        edit_schema(db, "t", true)

    round_trip(tmp_path, build)


def test_visible_rowids_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE plain(x)")
        for rowid in (-5, 2**63 - 1, -(2**63), 0):
            db.execute("INSERT INTO plain(rowid, x) VALUES(?1, ?1)", (rowid,))
        db.execute("CREATE TABLE named(rowid, x); INSERT INTO named(_rowid_, rowid, x) VALUES(10, 'a', 'b')")
        db.execute("CREATE TABLE twice(RowID, _ROWID_); INSERT INTO twice(oid, rowid) VALUES(9, 'a')")
        db.execute("CREATE TABLE no_alias(a INTEGER PRIMARY KEY DESC); INSERT INTO no_alias(rowid, a) VALUES(7, 3)")
        db.execute("CREATE TABLE alias(rowid, _rowid_, oid INTEGER PRIMARY KEY); INSERT INTO alias VALUES(1, 2, 5)")
        db.execute("CREATE TABLE lent(rowid INTEGER PRIMARY KEY); INSERT INTO lent VALUES(4)")

    round_trip(tmp_path, build)


def test_rows_with_a_hidden_rowid_keep_their_order(tmp_path: Path) -> None:
    true = "CREATE TABLE t(rowid, oid, _rowid_ INT NOT NULL)"

    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(rowid, oid, _rowid_); CREATE INDEX i ON t(_rowid_ DESC, rowid, oid)")
        db.execute("INSERT INTO t VALUES(1, 2, 3), (1, 2, '4'), (5, 6, NULL), (1, 2, 7), (0, 0, 9)")
        edit_schema(db, "t", true)

    round_trip(tmp_path, build)


def test_rows_before_and_after_an_odd_value_survive_in_a_single_pass(tmp_path: Path) -> None:
    odd: list[object] = [b"\xff", b"a\0b", b"a\r\\r", b"it's"]

    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(k TEXT PRIMARY KEY, v TEXT, n INTEGER NOT NULL) WITHOUT ROWID")
        db.execute(f"CREATE TABLE wide({','.join(f'c{i}' for i in range(120))})")
        for number, raw in enumerate([b"a", b"b", *odd, b"c"]):
            db.execute("INSERT INTO t VALUES(?1, CAST(?2 AS TEXT), ?1)", (number, raw))
            db.execute("INSERT INTO wide(c0, c119) VALUES(?, CAST(? AS TEXT))", (number, raw))
        edit_schema(db, "t", "CREATE TABLE t(k TEXT PRIMARY KEY, v TEXT, n TEXT NOT NULL) WITHOUT ROWID")

    round_trip(tmp_path, build)


def test_statement_boundaries_are_those_of_older_versions(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a, b)")
        for number in range(40):
            db.execute("INSERT INTO t VALUES(?, 'y')", (bytes(2_000_000) if number == 21 else "x",))
        edit_schema(db, "t", "CREATE TABLE t(a TEXT, b ANY) STRICT")

    sql = round_trip(tmp_path, build, loaders=["litekeep"])
    inserts = [part for part in sql.split(b";\n") if part.startswith(b"INSERT INTO")]
    assert [part.count(b"\n(") for part in inserts] == [16, 4, 1, 4, 14, 1]


def test_tables_with_names_used_by_the_dump_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute('CREATE TABLE litekeep_rows(r, "ordinary" TEXT, careful REAL, left_out, t)')
        db.execute("INSERT INTO litekeep_rows VALUES(1, 'it''s', 2.5, NULL, x'00'), ('r', 'ordinary', 0, 1, 2)")
        db.execute("CREATE TABLE other(r INTEGER PRIMARY KEY, careful TEXT); INSERT INTO other VALUES(9, 'r'), (7, '')")

    sql = round_trip(tmp_path, build)
    assert b"VIEW" not in sql


def test_a_table_as_wide_as_sqlite_allows_survives(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute(f"CREATE TABLE t({','.join(f'c{i} INT' for i in range(2000))})")
        for start in (0, 7):
            db.execute(f"INSERT INTO t VALUES({','.join(str(start + i) for i in range(2000))})")

    round_trip(tmp_path, build)


def test_statements_hold_many_rows_and_have_a_maximum_size(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a, b); CREATE TABLE w(a PRIMARY KEY, b) WITHOUT ROWID")
        sizes = [10] * 5000 + [400_000] * 6 + [10] * 300 + [3_000_000, 10, 10]
        with db:
            for number, size in enumerate(sizes):
                db.execute("INSERT INTO t VALUES(?, ?)", (number, "x" * size))
                db.execute("INSERT INTO w VALUES(?, ?)", (number, "x" * size))

    sql = round_trip(tmp_path, build, loaders=["shell"])
    inserts = [part for part in sql.split(b";\n") if part.startswith(b"INSERT INTO")]
    assert len(inserts) < 60
    assert all(len(part) < 1 << 20 or part.count(b"\n") == 1 for part in inserts)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_very_large_values_survive(tmp_path: Path, encoding: str) -> None:
    big = 1_100_000
    texts = [b"it's\r\n" * (big // 6), b"a\0" * (big // 2), b"\xff" * big, b"x" * big, b"12" + b" " * big]

    def build(db: apsw.Connection) -> None:
        db.execute(
            f"PRAGMA encoding='{encoding}'; CREATE TABLE t(a, b TEXT, c INTEGER); CREATE TABLE g(a, s AS (1) STORED)"
        )
        db.execute("CREATE TABLE n(a TEXT)")
        for number, raw in enumerate(texts):
            rowid = number - 2**63
            db.execute("INSERT INTO t(rowid, a, b, c) VALUES(?1, ?2, CAST(?2 AS TEXT), CAST(?2 AS TEXT))", (rowid, raw))
        db.execute("INSERT INTO t VALUES(1, 2, 3); INSERT INTO g(a) VALUES(zeroblob(2000000)), (1)")
        db.execute("INSERT INTO n VALUES(NULL), (printf('%.*c', 2000000, '7')), ('x')")
        edit_schema(db, "n", "CREATE TABLE n(a INTEGER NOT NULL)")

    round_trip(tmp_path, build, loaders=["shell", "litekeep"])


def test_row_longer_than_sqlite_can_parse_is_refused_by_name(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE papers(id INTEGER PRIMARY KEY, title, scan BLOB)")
        db.execute("INSERT INTO papers VALUES(1, 'secret title', zeroblob(5000))")

    source = built(tmp_path / "a.db", build)
    message = r"'papers'.*'scan', 5000 bytes"
    with closing(apsw.Connection(str(source))) as db, pytest.raises(NoSql, match=message) as refusal:
        for _ in dump(db, DumpHeader("a", "b", "c"), longest=10_000):
            pass
    assert "secret" not in str(refusal.value)


def test_row_counts_include_shadow_tables(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a INTEGER NOT NULL); INSERT INTO t VALUES(1), (2), (3)")
        db.execute("CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES('a')")
        edit_schema(db, "t", "CREATE TABLE t(a TEXT NOT NULL)")

    counts = counted(built(tmp_path / "a.db", build)).row_counts
    assert counts["t"] == 3
    assert counts["f_content"] == 1
    assert "f" not in counts


def doubles(amount: int) -> Iterator[float]:
    """Yields doubles of all kinds: random bits, fractions, measurements, money, whole numbers."""
    chance = random.Random(7)
    while amount:
        kind = chance.randrange(6)
        if kind == 0:
            value = float(struct.unpack(">d", chance.randbytes(8))[0])
        elif kind == 1:
            value = chance.random() * 10.0 ** chance.randint(-12, 20)
        elif kind == 2:
            value = round(chance.random() * 10.0 ** chance.randint(0, 12), chance.randint(0, 9))
        elif kind == 3:
            value = float(chance.randrange(-(2**54), 2**54))
        elif kind == 4:
            value = math.ldexp(chance.random(), chance.randint(-1074, 1023))
        else:
            value = chance.randrange(10**16) / 10.0 ** chance.randint(0, 22)
        if not math.isnan(value):
            amount -= 1
            yield value


def test_every_double_is_read_back_by_old_and_new_sqlite(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a, r REAL)")
        with db:
            db.executemany("INSERT INTO t VALUES(?1, ?1)", ((value,) for value in doubles(15_000)))

    round_trip(tmp_path, build)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(allow_nan=False), min_size=50, max_size=300))
def test_generated_doubles_are_read_back(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    folder = tmp_path_factory.mktemp("doubles")

    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a)")
        with db:
            db.executemany("INSERT INTO t VALUES(?)", ((value,) for value in values))

    round_trip(folder, build, loaders=["shell"])


@given(st.floats(allow_nan=False))
@settings(max_examples=300, deadline=None)
def test_a_real_literal_evaluates_to_its_double(value: float) -> None:
    expression = real_literal(value).replace("9e999", "math.inf")
    assert struct.pack(">d", eval(expression)) == struct.pack(">d", value)


def test_eighteen_digits_printed_by_sqlite_are_near_the_double() -> None:
    with closing(apsw.Connection(":memory:")) as db:
        for value in doubles(20_000):
            if 1e-290 <= abs(value) <= 1e300:
                printed = Fraction(db.execute("SELECT printf('%!.18g', ?)", (value,)).get)
                assert abs(printed - Fraction(value)) < Fraction(math.ulp(value)) / 10, value


def test_prices_and_whole_numbers_stay_readable(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(r REAL); INSERT INTO t VALUES(19.99), (-0.05), (3), (1700000000000), (0), (0.1234)")

    sql = dumped(built(tmp_path / "a.db", build))
    for text in (b",19.99)", b",-0.05)", b",3.0)", b",1700000000000.0)", b",0.0)", b",0.1234)"):
        assert text in sql


def test_trapped_rows_between_ordinary_ones_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a)")
        with db:
            db.executemany("INSERT INTO t VALUES(?)", ((i if i % 1000 else str(i),) for i in range(20_000)))
        edit_schema(db, "t", "CREATE TABLE t(a INTEGER)")

    round_trip(tmp_path, build)


def test_truncated_dump_of_one_table_is_not_taken_as_complete(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a)")
        with db:
            db.executemany("INSERT INTO t VALUES(?)", ((f"row {i}",) for i in range(3000)))

    sql = dumped(built(tmp_path / "a.db", build))
    for share in (3, 10, 50, 90, 99):
        copy = tmp_path / f"{share}.db"
        cut = sql[: len(sql) * share // 100]
        assert b"-- whole:" not in cut
        _load_cut(cut, copy)
        with apsw.Connection(str(copy)) as db:
            assert db.execute("SELECT count(*) FROM sqlite_schema").get == 0
        db.close()


def _load_cut(cut: bytes, copy: Path) -> None:
    try:
        load_by_shell(cut, copy)
    except AssertionError:
        assert copy.exists() or not cut
