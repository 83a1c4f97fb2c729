"""Backups of unusual good databases, and of databases that are damaged themselves, are good backups."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.errors import NotGood
from shared.model.names import Format
from shared.operations.verify.rebuild import write_database
from shared.runtime.confined import Confined
from tests.builders import make_manifest
from tests.cli.conftest import Workplace, sample, workplace  # noqa: F401 - fixtures


def edit_schema(connection: apsw.Connection, sql: str) -> None:
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute(sql).fetchall()
    version = int(str(connection.pragma("schema_version"))) + 1
    connection.execute(f"PRAGMA schema_version={version}; PRAGMA writable_schema=RESET")


def unique_violated(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE t(x); CREATE INDEX i ON t(x); INSERT INTO t VALUES (1), (1), (2)")
        edit_schema(db, "UPDATE sqlite_schema SET sql='CREATE UNIQUE INDEX i ON t(x)' WHERE name='i'")


def stale_index(path: Path) -> None:
    """Makes an index on lower() as an application that overrides it does."""
    with closing(apsw.Connection(str(path))) as db:
        db.create_scalar_function("lower", lambda text: str(text).lower(), deterministic=True)
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, n TEXT); CREATE INDEX tl ON t(lower(n))")
        db.execute("INSERT INTO t(n) VALUES (?), (?)", ("\u00c4pfel", "abc"))


def schema_damaged(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE users(id INTEGER PRIMARY KEY, name); INSERT INTO users VALUES(1, 'x')")
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE users", b"CREATE TAXLE users"))


def fts4_content_gone(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE c(a); INSERT INTO c VALUES ('one')")
        db.execute("CREATE VIRTUAL TABLE f USING fts4(a, content='c'); INSERT INTO f(docid, a) VALUES (1, 'one')")
        db.execute("DROP TABLE c")


def many_complaints(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE t(x)")
        rows = "WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM c LIMIT 3000)"
        db.execute(f"{rows} INSERT INTO t SELECT NULL FROM c")
        edit_schema(db, "UPDATE sqlite_schema SET sql='CREATE TABLE t(x NOT NULL)' WHERE name='t'")


def less_than_a_page(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("PRAGMA page_size=4096; CREATE TABLE t(x)")
    path.write_bytes(path.read_bytes()[:512])


def back_up(place: Workplace, make: Callable[[Path], None], *arguments: str) -> str:
    source = place.folder / "odd.db"
    make(source)
    outcome = place.run("backup", "--name", "one", *arguments, DATABASE_URL="odd.db")
    return f"{outcome.code} {outcome.err}"


@pytest.mark.parametrize("make", [unique_violated, fts4_content_gone, many_complaints])
def test_page_image_of_content_that_violates_its_declarations_is_good(
    workplace: Workplace,  # noqa: F811
    make: Callable[[Path], None],
) -> None:
    assert back_up(workplace, make, "--format", "sqlite").startswith("0")
    assert workplace.good("verify", "--backup", "one", "--json").json[0]["ok"] is True
    workplace.good("restore", "--backup", "one", "--to", "back.db", "--verify")
    assert workplace.good("list", "--json").json[0]["verified"] is True


def test_damage_of_the_source_is_reported_as_damage_of_the_source(workplace: Workplace) -> None:  # noqa: F811
    back_up(workplace, unique_violated, "--format", "sqlite")
    outcome = workplace.good("verify", "--backup", "one")
    assert "the backup is faithful, and the source itself is damaged: non-unique entry in index i" in outcome.out
    assert "source.damaged" in outcome.err
    assert "remove the rows that break the UNIQUE index i" in outcome.err
    status = workplace.run("status", DATABASE_URL="odd.db")
    assert "odd.db itself is damaged; one is a faithful backup of it" in status.out
    workplace.good("restore", "--backup", "latest-verified", "--to", "proven.db", DATABASE_URL="odd.db")


def test_drill_of_a_damaged_source_passes(workplace: Workplace) -> None:  # noqa: F811
    back_up(workplace, unique_violated, "--format", "sqlite")
    workplace.good("verify", "--backup", "one")
    assert workplace.good("drill", "--now", "--json").json[0]["passed"] is True


def test_stale_index_is_reported_as_damage_of_the_source_in_both_formats(workplace: Workplace) -> None:  # noqa: F811
    assert back_up(workplace, stale_index).startswith("0")
    (found,) = workplace.good("verify", "--backup", "one", "--json").json
    assert {check["name"] for check in found["checks"]} >= {"sql", "image"}
    assert "run REINDEX tl in the source" in found["source_damage"]


def test_bytes_after_the_last_page_are_not_copied(workplace: Workplace) -> None:  # noqa: F811
    def with_tail(path: Path) -> None:
        with closing(apsw.Connection(str(path))) as db:
            db.execute("CREATE TABLE t(x)")
        with path.open("ab") as file:
            file.write(bytes(1 << 20))

    assert back_up(workplace, with_tail, "--format", "sqlite").startswith("0")
    workplace.good("restore", "--backup", "one", "--to", "back.db", "--verify")
    assert (workplace.folder / "back.db").stat().st_size == 2 * 4096


def test_database_with_an_unreadable_schema_is_kept_byte_for_byte(workplace: Workplace) -> None:  # noqa: F811
    assert back_up(workplace, schema_damaged, "--allow-corrupt").startswith("0")
    workplace.good("restore", "--backup", "one", "--to", "back.db")
    assert (workplace.folder / "back.db").read_bytes() == (workplace.folder / "odd.db").read_bytes()


@pytest.mark.parametrize("form", ["sql", "sqlite"])
def test_file_smaller_than_a_page_is_refused(workplace: Workplace, form: str) -> None:  # noqa: F811
    found = back_up(workplace, less_than_a_page, "--format", form)
    assert found.startswith("3")
    assert "is truncated" in found
    assert not [name for name in workplace.stored() if "manifest" in name]


def test_empty_page_image_is_not_restored(workplace: Workplace) -> None:  # noqa: F811
    with Confined() as child, pytest.raises(NotGood, match="has 0 bytes"):
        write_database(Format.SQLITE, [b""], make_manifest(), workplace.folder / "x.db", child)
    assert not (workplace.folder / "x.db").exists()


def hostile(statements: list[str], odd: str = "") -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with closing(apsw.Connection(str(path))) as db:
            for statement in statements:
                db.execute(statement)
            if odd:
                edit_schema(db, odd)

    return make


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT x AS version_num FROM c WHERE x < 0"
WIDE = "CREATE TABLE t(a, " + "".join(f"g{i} AS (hex(zeroblob(450000000))||a), " for i in range(8)) + "z)"
NAME = "UPDATE sqlite_schema SET name=CAST(x'7400ff' AS TEXT) WHERE name='t'"
TEXT = "43524541544520494e4445582069204f4e2074286120434f4c4c41544520ff29"
HOSTILE = {
    "a view without end": (hostile(["CREATE TABLE t(a)", f"CREATE VIEW alembic_version AS {ENDLESS}"]), ""),
    "values that exist only when read": (hostile([WIDE, "INSERT INTO t(a, z) VALUES(1, 1)"]), ""),
    "a table in another case": (
        hostile(
            ["CREATE TABLE t(a)", "CREATE INDEX i ON t(a)"], "UPDATE sqlite_schema SET tbl_name='T' WHERE name='i'"
        ),
        (
            "the schema is not as SQLite writes it (names in another case, or not text), so it cannot be dumped as SQL"
            ": back up the page image only (BACKUP_FORMATS=sqlite)"
        ),
    ),
    "SQLITE_sequence": (
        hostile(
            ["CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO t VALUES(1)"],
            "UPDATE sqlite_schema SET name='SQLITE_sequence', tbl_name='SQLITE_sequence' WHERE name='sqlite_sequence'",
        ),
        "table 'SQLITE_sequence' is not as SQLite writes it (sqlite_sequence): it cannot be dumped as SQL",
    ),
    "a name that is not text": (
        hostile(["CREATE TABLE t(a)"], NAME),
        (
            r"schema entry b't\x00\xff' holds text that is not valid in the database's encoding: "
            "rename it in the database, or keep its pages as they are with --allow-corrupt"
        ),
    ),
    "a collation that is not text": (
        hostile(
            ["CREATE TABLE t(a)", "CREATE INDEX i ON t(a)"],
            f"UPDATE sqlite_schema SET sql=CAST(x'{TEXT}' AS TEXT) WHERE name='i'",
        ),
        (
            "schema entry b'i' holds text that is not valid in the database's encoding: "
            "rename it in the database, or keep its pages as they are with --allow-corrupt"
        ),
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_schema_is_backed_up_or_refused_with_a_correct_error(
    workplace: Workplace,  # noqa: F811
    kind: str,
) -> None:
    make, line = HOSTILE[kind]
    found = back_up(workplace, make, "--format", "sql")
    assert "a defect of Litekeep" not in found
    if line:
        assert found.startswith("1"), found
        assert f"error: {line}\n" in f"{found}\n"
    else:
        assert found.startswith("0"), found
        assert workplace.good("verify", "--backup", "one", "--json").json[0]["ok"] is True


@pytest.mark.parametrize("kind", ["a name that is not text", "a collation that is not text"])
def test_allow_corrupt_keeps_pages_of_a_schema_that_is_not_text(
    workplace: Workplace,  # noqa: F811
    kind: str,
) -> None:
    make, line = HOSTILE[kind]
    refused = back_up(workplace, make, "--format", "sqlite")
    assert f"error: {line}" in refused
    workplace.good("backup", "--name", "kept", "--allow-corrupt", DATABASE_URL="odd.db")
    workplace.good("restore", "--backup", "kept", "--to", "back.db")
    assert (workplace.folder / "back.db").read_bytes() == (workplace.folder / "odd.db").read_bytes()


def names_in_another_case(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute(
            'CREATE TABLE "User"(Id INTEGER PRIMARY KEY, Email TEXT UNIQUE); CREATE INDEX UI ON "User"(Email, Id)'
        )
        db.execute("INSERT INTO User VALUES(1, 'a')")
        edit_schema(db, "UPDATE sqlite_schema SET name = lower(name), tbl_name = lower(tbl_name)")


def without_rowid_collation(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.create_collation("unicase", lambda one, two: (one.lower() > two.lower()) - (one.lower() < two.lower()))
        db.execute(
            "CREATE TABLE fields(ntid INT, ord INT, name TEXT COLLATE unicase, PRIMARY KEY(ntid, ord)) WITHOUT ROWID;"
            "INSERT INTO fields VALUES(1, 0, 'Front'), (1, 1, 'back')"
        )


@pytest.mark.parametrize("make", [names_in_another_case, without_rowid_collation])
@pytest.mark.parametrize("form", ["sql", "sqlite"])
def test_unusual_good_database_survives_in_either_format(
    workplace: Workplace,  # noqa: F811
    make: Callable[[Path], None],
    form: str,
) -> None:
    found = back_up(workplace, make, "--format", form, "--verify")
    assert found.startswith("0"), found
    workplace.good("restore", "--backup", "one", "--to", "back.db", "--verify")


def test_rows_that_break_a_unique_index_are_kept_only_as_pages(workplace: Workplace) -> None:  # noqa: F811
    refused = back_up(workplace, unique_violated, "--format", "sql")
    assert refused.startswith("1")
    assert "rows of table 't' break its UNIQUE index 'i'" in refused
    (workplace.folder / "odd.db").unlink()
    kept = back_up(workplace, unique_violated, "--verify")
    assert kept.startswith("0"), kept
    assert "its page image only: rows of table 't' break its UNIQUE index 'i'" in kept
