"""The memory of a backup does not grow with the size of its values."""

import os
import tracemalloc
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.dump.dump import DumpHeader, dump
from shared.dump.large_values import LARGE_STATEMENT, bind_large
from shared.dump.literals import text_literal, text_pieces
from shared.dump.load import load_sql
from shared.errors import NoSql
from shared.operations.backup.artifacts import LONGEST_ROW
from tests.cli.conftest import Workplace, sample, workplace  # noqa: F401 - fixtures

HEADER = DumpHeader("a.db", "2024-01-15T00:00:00Z", "0")
SIZE = 24 << 20


@pytest.fixture(name="source")
def _source(tmp_path: Path) -> Path:
    path = tmp_path / "large.db"
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, body, name TEXT)")
        db.execute("INSERT INTO t VALUES (1, ?, 'it''s'), (2, 'small', NULL)", (os.urandom(SIZE),))
        db.execute("INSERT INTO t VALUES (3, x'00', ?)", ("it's \u00e9\r\n" * 1_000_000,))
    return path


def test_dump_of_a_large_blob_uses_little_memory(source: Path) -> None:
    with closing(apsw.Connection(str(source))) as db:
        db.execute("DELETE FROM t WHERE id = 3")
        tracemalloc.start()
        try:
            size = sum(len(chunk) for chunk in dump(db, HEADER))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert size > 2 * SIZE
    assert peak < SIZE // 2


@pytest.mark.parametrize("end", ["", "it's\r\n"])
def test_dump_of_a_large_text_uses_little_memory(tmp_path: Path, end: str) -> None:
    with closing(apsw.Connection(str(tmp_path / "text.db"))) as db:
        db.execute("CREATE TABLE t(a); INSERT INTO t VALUES (?)", ("it's \u00e9\n" * (SIZE // 8) + end,))
        tracemalloc.start()
        try:
            size = sum(len(chunk) for chunk in dump(db, HEADER))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert size > SIZE
    assert peak < SIZE // 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "it's \u00e9 \U0001f600",
        "a\rb",
        "\r\\r",
        "\r\\r \\r0\\ ' \\r1\\",
        "\r\\r" + "".join(f"\\r{number}\\" for number in range(10)),
        "nul\0",
        "\uffff",
        "\\r",
    ],
)
def test_text_in_pieces_gives_the_same_literal_as_whole_text(text: str, encoding: str) -> None:
    whole = text.encode(encoding)
    for raw in (whole, whole + b"\xff", whole[:-1]):
        for size in (1, 2, 3, 5, 100):
            pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
            assert b"".join(text_pieces(lambda pieces=pieces: pieces, encoding)).decode() == text_literal(raw, encoding)  # type: ignore[misc]


def test_large_values_survive(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "back.db"
    with closing(apsw.Connection(str(source))) as db:
        wanted = db.execute("SELECT * FROM t").fetchall()
        text = b"".join(dump(db, HEADER))
        load_sql([text], target)
    with closing(apsw.Connection(str(target))) as db:
        assert db.execute("SELECT * FROM t").fetchall() == wanted
        assert b"".join(dump(db, HEADER)) == text


def test_row_over_the_limit_is_refused_before_it_is_read(source: Path) -> None:
    message = r"table 't' holds a row that takes over 1000000 bytes.*column 'body', 25165824"
    with closing(apsw.Connection(str(source))) as db, pytest.raises(NoSql, match=message):
        for _ in dump(db, HEADER, longest=1_000_000):
            pass


def test_backup_keeps_only_the_page_image_if_a_row_is_too_large_for_sql(
    workplace: Workplace,  # noqa: F811
    source: Path,
) -> None:
    with closing(apsw.Connection(str(source))) as db:
        db.execute("INSERT INTO t VALUES (4, zeroblob(?), NULL)", (LONGEST_ROW // 2,))
    outcome = workplace.good("backup", "--name", "one", "--verify", DATABASE_URL=str(source))
    assert "its page image only: table 't' holds a row" in outcome.err
    assert [name.rsplit(".", 2)[1] for name in workplace.stored() if "one.sql" in name] == ["zst"]
    refused = workplace.run("backup", "--name", "two", "--format", "sql", DATABASE_URL=str(source))
    assert refused.code == 1
    assert "back up the page image only (BACKUP_FORMATS=sqlite)" in refused.err


def test_only_large_literals_of_an_insert_are_bound() -> None:
    large = b"A" * LARGE_STATEMENT
    rows = b"(1,'it''s',CAST(X'%b' AS TEXT),'%b''');\n" % (large, large)
    found = bind_large(b'INSERT INTO "t""x"("a","b") VALUES\n' + rows)
    assert found is not None
    text, values = found
    assert text == 'INSERT INTO "t""x"("a","b") VALUES\n(1,\'it\'\'s\',CAST(? AS TEXT),?);\n'
    assert values == [bytes.fromhex(large.decode()), large.decode() + "'"]
    assert bind_large(b"CREATE TABLE t(a DEFAULT '%b');\n" % large) is None
    assert bind_large(b'INSERT INTO "t"("a") VALUES\n(X\'%bG\');\n' % large) is None
