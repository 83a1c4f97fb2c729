"""Page images without a manifest: complete ones are imported, truncated or invalid ones are refused."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from tests.cli.conftest import Workplace

PAGE = 4096


def image(folder: Path) -> bytes:
    with closing(sqlite3.connect(folder / "made.db")) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(5000)])
        connection.commit()
    return (folder / "made.db").read_bytes()


def uncounted(pages: bytes) -> bytes:
    """Returns the file as SQLite before 3.7 wrote it: without a page count in the header, so the file size counts."""
    return pages[:24] + b"\0\0\0\1" + bytes(4) + pages[32:]


CUT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a page less than its header counts": (lambda pages: pages[:-PAGE], "is cut short"),
    "the last page cut": (lambda pages: pages[:-100], "is cut short"),
    "the last page cut, of a file that does not count": (lambda pages: uncounted(pages)[:-100], "is cut short"),
    "the header alone": (lambda pages: pages[:100], "less than one page"),
    "half a page": (lambda pages: pages[: PAGE // 2], "less than one page"),
    "no whole header": (lambda pages: pages[:50], "SQLite does not accept its header"),
    "a page size that is none": (lambda pages: pages[:16] + b"\0\7" + pages[18:], "SQLite does not accept its header"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "zstd"])
@pytest.mark.parametrize("kind", CUT)
def test_truncated_page_image_is_refused(workplace: Workplace, kind: str, *, packed: bool) -> None:
    change, words = CUT[kind]
    content = change(image(workplace.folder))
    name = "cut.sqlite.zst" if packed else "cut.sqlite"
    (workplace.folder / name).write_bytes(zstandard.compress(content) if packed else content)
    outcome = workplace.run("import", "--file", name, "--to", "new.db")
    assert outcome.code == 3
    assert words in outcome.err
    assert name in outcome.err
    assert "Error" not in outcome.err
    assert not (workplace.folder / "new.db").exists()
    outcome = workplace.run("verify", "--file", name)
    assert outcome.code == 3
    assert words in outcome.out


@pytest.mark.parametrize("change", [lambda pages: pages, lambda pages: pages + bytes(PAGE), uncounted])
def test_complete_page_image_is_imported(workplace: Workplace, change: Callable[[bytes], bytes]) -> None:
    (workplace.folder / "whole.sqlite").write_bytes(change(image(workplace.folder)))
    workplace.good("verify", "--file", "whole.sqlite")
    workplace.good("import", "--file", "whole.sqlite", "--to", "new.db")
    with closing(sqlite3.connect(workplace.folder / "new.db")) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (5000,)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"\x8f\x03 not a database at all" * 400,
        lambda pages: bytes(16) + pages[16:],
        lambda pages: pages[:16] + b"\0\7" + pages[18:],
        lambda pages: pages[:300],
    ],
    ids=["random", "no magic", "no page size", "no page"],
)
def test_allow_corrupt_keeps_file_without_header_byte_for_byte(
    workplace: Workplace, change: Callable[[bytes], bytes]
) -> None:
    content = change(image(workplace.folder))
    workplace.database.write_bytes(content)
    refused = workplace.run("backup", "--name", "one")
    assert refused.code == 3
    kept = workplace.good("backup", "--name", "one", "--allow-corrupt", "--json").json
    assert [each["format"] for each in kept["artifacts"]] == ["sqlite"]
    assert workplace.run("verify", "--backup", "one").code == 3
    assert workplace.run("restore", "--backup", "latest", "--to", "latest.db").code != 0
    restored = workplace.good("restore", "--backup", "one", "--to", "new.db", "--json").json
    assert any("NOT good" in note for note in restored["notes"])
    assert (workplace.folder / "new.db").read_bytes() == content


@pytest.mark.parametrize("form", ["sqlite", "sql,sqlite"])
def test_allow_corrupt_keeps_schema_that_is_not_text(workplace: Workplace, form: str) -> None:
    workplace.database.unlink()
    with closing(sqlite3.connect(workplace.database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET name = CAST(x'7400ff' AS TEXT) WHERE name = 't'")
    content = workplace.database.read_bytes()
    refused = workplace.run("backup", "--name", "one", BACKUP_FORMATS=form)
    assert refused.code == 1
    assert "--allow-corrupt" in refused.err
    workplace.good("backup", "--name", "one", "--allow-corrupt", BACKUP_FORMATS=form)
    workplace.good("restore", "--backup", "one", "--to", "new.db")
    assert (workplace.folder / "new.db").read_bytes() == content
