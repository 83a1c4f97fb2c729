"""A stream of SQL is split where SQLite would split it, however it is divided into chunks."""

from collections.abc import Iterator
from itertools import pairwise

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.dump import statements
from shared.dump.statements import BOM, split_statements
from shared.errors import NotGood

OURS = b"-- Litekeep SQL dump, format 1\n"

FRAGMENTS = [
    *(b"'", b"''", b'"', b"`", b"[", b"]", b";", b";\n", b"--", b"-", b"/*", b"*/", b"/", b"*", b"\n", b"\r\n"),
    *(b" ", b"\t", b"CREATE", b"create", b"TEMP", b"temporary", b"TRIGGER", b"trigger", b"END", b"end"),
    *(b"BEGIN", b"CASE", b"INSERT INTO t VALUES(1)", b"insert", b"REPLACE", b"UPDATE", b"xEND", b"END$"),
    *(b"x", b"\xc3\xa9", b"\xff", b"\0", b"(", b")", b",", b"CREATE TRIGGER x BEGIN SELECT 1; END;"),
    *(b"'a;b'", b"'it''s;\n'", b"-- c;\n", b"/* ; */", b'"a;""b"', b"[a;b]", b"`a;b`"),
]
OUR_FRAGMENTS = [
    b'INSERT INTO "t"("a","b""c") VALUES\n(1,\'x;\ny\'),\n(2,\'it\'\'s;\n\');\n',
    b'INSERT INTO "na;\n""me"("a b(") VALUES(NULL);\n',
    b"CREATE TABLE \"t\"(a, 'b;' -- c\n);\n",
    b"CREATE TRIGGER w AFTER INSERT ON t BEGIN SELECT ';END;';\n END;\n",
    b"INSERT INTO sqlite_schema VALUES('table;\n');\n",
    b'INSERT INTO "t" SELECT 1;\n',
    b"COMMIT;\n",
    b"-- whole: 1 tables, 2 rows\n",
]


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        yield data[start:end]


def cut(data: bytes, cuts: list[int] | None = None) -> tuple[list[tuple[bytes, int]], str]:
    """Returns the statements, and the error message at the end, if any."""
    found: list[tuple[bytes, int]] = []
    try:
        found.extend(tuple(s) for s in split_statements(pieces(data, cuts or [])))
    except NotGood as error:
        return found, str(error)
    return found, ""


def texts(data: bytes) -> list[bytes]:
    return [statement.text for statement in split_statements([data])]


def cut_by_sqlite(data: bytes) -> list[bytes]:
    """Splits at each semicolon where sqlite3_complete() returns true."""
    found, start = [], 0
    for at, byte in enumerate(data):
        if byte == ord(";") and apsw.complete(data[start : at + 1].decode("latin-1")):
            found.append(data[start : at + 1])
            start = at + 1
    return [*found, data[start:]] if start < len(data) else found


some_sql = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map(b"".join)
our_sql = st.lists(st.sampled_from(OUR_FRAGMENTS), max_size=12).map(lambda parts: OURS + b"".join(parts))
some_cuts = st.lists(st.integers(0, 10_000), max_size=60)


@settings(max_examples=400, deadline=None)
@given(some_sql, some_cuts)
def test_statements_do_not_depend_on_chunk_boundaries(data: bytes, cuts: list[int]) -> None:
    assert cut(data, cuts) == cut(data)


@settings(max_examples=200, deadline=None)
@given(our_sql, some_cuts)
def test_statements_of_litekeep_dumps_do_not_depend_on_chunk_boundaries(data: bytes, cuts: list[int]) -> None:
    assert cut(data, cuts) == cut(data)
    assert cut(data, list(range(len(data)))) == cut(data)


@settings(max_examples=400, deadline=None)
@given(some_sql.filter(lambda data: b"\0" not in data))
def test_statements_end_where_sqlite_calls_them_complete(data: bytes) -> None:
    found, message = cut(data)
    expected = cut_by_sqlite(data)
    assert [text for text, _ in found] == expected[: len(found)]
    assert message or len(found) == len(expected)


@settings(max_examples=200, deadline=None)
@given(our_sql)
def test_fast_path_for_litekeep_dumps_splits_like_the_exact_one(data: bytes) -> None:
    foreign = data.replace(b"Litekeep", b"SomeTool")
    fast = [text.replace(b"Litekeep", b"SomeTool").strip(b"\n") for text in texts(data)]
    assert [text for text in fast if text] == [text.strip(b"\n") for text in texts(foreign) if text.strip(b"\n")]


@settings(max_examples=200, deadline=None)
@given(some_sql, some_cuts)
def test_joined_statements_are_the_input_with_correct_line_numbers(data: bytes, cuts: list[int]) -> None:
    found, message = cut(data, cuts)
    joined = b"".join(text for text, _ in found)
    assert data.startswith(joined)
    assert message or joined == data
    line = 1
    for text, its_line in found:
        assert its_line == line
        line += text.count(b"\n")


def test_a_byte_order_mark_does_not_hide_the_first_word() -> None:
    trigger = BOM + b"CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END;"
    assert texts(trigger + b"SELECT 2;") == [trigger, b"SELECT 2;"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"SELECT 1;\nSELECT 'x\n\n", "a literal that begins near line 2"),
        (b'\n\nSELECT "x', "a quoted name that begins near line 3"),
        (b"SELECT [x", "a quoted name that begins near line 1"),
        (b"SELECT 1; /* and\nso on", "a comment that begins near line 1"),
        (OURS + b'BEGIN;\nINSERT INTO "t"(a) VALUES\n(1,\'x', "the statement near line 3"),
    ],
)
def test_truncated_dump_reports_line_number(data: bytes, what: str) -> None:
    with pytest.raises(NotGood, match=what):
        list(split_statements([data[:5], data[5:]]))


def test_last_comment_and_last_statement_may_be_unterminated() -> None:
    assert texts(b"SELECT 1; -- done") == [b"SELECT 1;", b" -- done"]
    assert texts(b"SELECT 1; SELECT 2") == [b"SELECT 1;", b" SELECT 2"]


def test_statement_over_the_size_limit_is_refused_before_it_is_read_completely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statements, "MAX_STATEMENT_BYTES", 10_000)
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield b"SELECT 1;\nSELECT '"
        while True:
            read += 1000
            yield b"x" * 1000

    with pytest.raises(NotGood, match="near line 2 is longer"):
        list(split_statements(endless()))
    assert read <= 12_000


@pytest.mark.parametrize(
    ("start", "middle", "end"),
    [
        (b"INSERT INTO t VALUES('", b"x;'' \n", b"');"),
        (b"SELECT 1 /*", b"*x;' ", b"*/;"),
        (b"INSERT INTO t VALUES(0", b",-1/2", b");"),
        (b"CREATE TABLE t(a", b", [b;] ", b");"),
        (OURS + b';\nINSERT INTO "t"(a) VALUES', b"('a;\n'),", b"(1);\n"),
    ],
)
def test_huge_statement_in_small_pieces_is_scanned_once(
    start: bytes, middle: bytes, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = start + middle * (2_000_000 // len(middle)) + end
    scanned = _count_bytes(monkeypatch)
    found = list(split_statements(data[at : at + 1000] for at in range(0, len(data), 1000)))
    # Scanning everything again for each piece would be 2 GB.
    assert len(data) <= scanned[0] < 2 * len(data)
    assert sum(len(statement.text) for statement in found) == len(data)
    assert max(len(statement.text) for statement in found) > 1_900_000


def _count_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the bytes that the splitter still has to scan after each piece."""
    counted = [0]
    cut = statements._Splitter._cut

    def counting(splitter: statements._Splitter) -> Iterator[statements.SqlStatement]:
        at_first = splitter._phase is statements._Phase.FRESH
        counted[0] += len(splitter._buffer) - (splitter._start if at_first else splitter._at)
        return cut(splitter)

    monkeypatch.setattr(statements._Splitter, "_cut", counting)
    return counted
