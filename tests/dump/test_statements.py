"""A stream of SQL is cut where SQLite would cut it, whatever pieces it arrives in."""

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
    """The statements, and the complaint at the end if there is one."""
    found: list[tuple[bytes, int]] = []
    try:
        found.extend(tuple(s) for s in split_statements(pieces(data, cuts or [])))
    except NotGood as error:
        return found, str(error)
    return found, ""


def texts(data: bytes) -> list[bytes]:
    return [statement.text for statement in split_statements([data])]


def cut_by_sqlite(data: bytes) -> list[bytes]:
    """The same by sqlite3_complete(), asked at each semicolon."""
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
def test_the_statements_are_the_same_whatever_pieces_they_arrive_in(data: bytes, cuts: list[int]) -> None:
    assert cut(data, cuts) == cut(data)


@settings(max_examples=200, deadline=None)
@given(our_sql, some_cuts)
def test_the_same_holds_for_dumps_of_ours(data: bytes, cuts: list[int]) -> None:
    assert cut(data, cuts) == cut(data)
    assert cut(data, list(range(len(data)))) == cut(data)


@settings(max_examples=400, deadline=None)
@given(some_sql.filter(lambda data: b"\0" not in data))
def test_they_are_cut_where_sqlite_calls_them_complete(data: bytes) -> None:
    found, complaint = cut(data)
    expected = cut_by_sqlite(data)
    assert [text for text, _ in found] == expected[: len(found)]
    assert complaint or len(found) == len(expected)


@settings(max_examples=200, deadline=None)
@given(our_sql)
def test_the_fast_way_through_our_dumps_cuts_as_the_exact_one(data: bytes) -> None:
    foreign = data.replace(b"Litekeep", b"SomeTool")
    fast = [text.replace(b"Litekeep", b"SomeTool").strip(b"\n") for text in texts(data)]
    assert [text for text in fast if text] == [text.strip(b"\n") for text in texts(foreign) if text.strip(b"\n")]


@settings(max_examples=200, deadline=None)
@given(some_sql, some_cuts)
def test_joined_they_are_the_input_and_each_knows_its_line(data: bytes, cuts: list[int]) -> None:
    found, complaint = cut(data, cuts)
    joined = b"".join(text for text, _ in found)
    assert data.startswith(joined)
    assert complaint or joined == data
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
def test_an_end_inside_something_is_told_with_its_line(data: bytes, what: str) -> None:
    with pytest.raises(NotGood, match=what):
        list(split_statements([data[:5], data[5:]]))


def test_a_last_line_comment_and_a_last_statement_may_lack_their_ends() -> None:
    assert texts(b"SELECT 1; -- done") == [b"SELECT 1;", b" -- done"]
    assert texts(b"SELECT 1; SELECT 2") == [b"SELECT 1;", b" SELECT 2"]


def test_a_statement_longer_than_sqlite_takes_is_refused_before_all_of_it_is_read(
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
def test_one_huge_statement_in_small_pieces_is_looked_at_once(
    start: bytes, middle: bytes, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = start + middle * (2_000_000 // len(middle)) + end
    looked_at = _count_bytes(monkeypatch)
    found = list(split_statements(data[at : at + 1000] for at in range(0, len(data), 1000)))
    # All of it again for each piece would be 2 GB.
    assert len(data) <= looked_at[0] < 2 * len(data)
    assert sum(len(statement.text) for statement in found) == len(data)
    assert max(len(statement.text) for statement in found) > 1_900_000


def _count_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes are before the splitter each time that a piece has come."""
    counted = [0]
    cut = statements._Splitter._cut

    def watched(splitter: statements._Splitter) -> Iterator[statements.SqlStatement]:
        at_first = splitter._phase is statements._Phase.FRESH
        counted[0] += len(splitter._buffer) - (splitter._start if at_first else splitter._at)
        return cut(splitter)

    monkeypatch.setattr(statements._Splitter, "_cut", watched)
    return counted
