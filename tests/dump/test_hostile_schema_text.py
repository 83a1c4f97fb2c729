"""Schema text that looks like shell commands: loading a dump never runs it.

Any client that may create a view can put such text into the dump. Each generated database is dumped, and each dump is
loaded in each documented way by Debian's shell and by a current one.
"""

import itertools
import shlex
import subprocess
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.dump.dump import LOAD_COMMAND
from tests.dump.equality import assert_equal
from tests.dump.loading import CURRENT_SHELL, SHELL, dumped

# Lines that end a statement in the shell, and are a division, an alias or part of a comment in SQLite.
ENDS = ["/", "/ ", "\f/", "\v/", "\t /", "/ -- x", "/ /* y */", "/* z */ /", "--c\n/", "/;"]
ALIASES = ["go", "GO", "go ", "\tgo", "\fgo", "go -- y", "go /* y */", "/* z */ go", "Go;"]
COMMANDS = [
    '.read "|touch MARK"',
    ".shell touch MARK",
    ".system touch MARK",
    ".output MARK\nSELECT 1;\n.output",
    ".once MARK\nSELECT 1;",
    '.once "|touch MARK"',
    ".backup MARK",
    ".save MARK",
    ".open MARK",
    ".clone MARK",
    ".log MARK",
    ".cd MARK",
    ".dump",
    "#!touch MARK",
]
HIDDEN = ["{}", "/*\n{}\n*/", "-- c\n{}", "'\n{}\n'"]
OBJECTS = {
    "view": "CREATE VIEW v AS SELECT a\n{end}\n{alias}\n{command}\nFROM t",
    "index": "CREATE INDEX i ON t(a\n{end}\n2) WHERE a > 1\n{command}",
    "check": "CREATE TABLE c (x CHECK (x\n{end}\n2 > 0\n{command}\n))",
    "default": "CREATE TABLE c (x DEFAULT (8\n{end}\n2\n{command}\n))",
    "generated": "CREATE TABLE c (x, y AS (x\n{end}\n2\n{command}\n))",
    "trigger": "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1\n{end}\n2\n{command}\n; END",
    "name": 'CREATE TABLE c (x, "\n{end}\n{alias}\n{command}\n" INT)',
}


def valid_texts() -> list[str]:
    """Returns each combination that SQLite accepts as the text of an object."""
    with closing(apsw.Connection(":memory:")) as db:
        db.execute("CREATE TABLE t(a)")
        found = []
        for text, end, alias, command, hidden in itertools.product(OBJECTS.values(), ENDS, ALIASES, COMMANDS, HIDDEN):
            if "{alias}" not in text and alias != ALIASES[0]:
                continue
            sql = text.format(end=end, alias=alias, command=hidden.format(command))
            try:
                db.execute(f"SAVEPOINT s; {sql}; ROLLBACK TO s; RELEASE s")
            except apsw.Error:
                db.execute("ROLLBACK TO s; RELEASE s")
                continue
            found.append(sql)
    return found


def databases(count: int) -> list[list[str]]:
    """Returns all texts, distributed over `count` databases."""
    texts = valid_texts()
    assert len(texts) > 2000
    return [texts[at::count] for at in range(count)]


DATABASES = databases(40)
WAYS = {
    "documented": shlex.split(LOAD_COMMAND)[1:],
    "bare": [],
    "bail": ["-bail"],
    "safe": ["-safe"],
}


@pytest.mark.parametrize("number", range(len(DATABASES)))
def test_no_shell_runs_a_line_of_schema_text(tmp_path: Path, number: int) -> None:
    source = tmp_path / "source.db"
    with closing(apsw.Connection(str(source))) as db:
        db.execute("CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)")
        for at, sql in enumerate(DATABASES[number]):
            for name in (" v ", " i ", " c ", " r "):
                sql = sql.replace(name, f"{name.rstrip()}{at} ", 1)  # noqa: PLW2901
            db.execute(sql)
    dump = dumped(source)
    for shell, (way, options) in itertools.product((SHELL, CURRENT_SHELL), WAYS.items()):
        folder = tmp_path / f"{Path(shell).name}-{way}"
        folder.mkdir()
        done = subprocess.run([shell, *options, "new.db"], input=dump, cwd=folder, capture_output=True, check=False)
        assert sorted(path.name for path in folder.iterdir()) == ["new.db"], (way, done.stderr)
        if shell == CURRENT_SHELL and way != "documented":
            # It forbids writes to sqlite_schema by default, so the whole load must be rolled back.
            assert objects_in(folder / "new.db") == 0, way
            continue
        assert (done.returncode, done.stderr) == (0, b""), way
        assert_equal(source, folder / "new.db")


def objects_in(path: Path) -> int:
    with closing(apsw.Connection(str(path))) as db:
        count = db.execute("SELECT count(*) FROM sqlite_schema").get
        assert isinstance(count, int)
        return count


@pytest.mark.parametrize("shell", [SHELL, CURRENT_SHELL])
def test_shell_that_continues_after_an_error_commits_nothing(tmp_path: Path, shell: str | Path) -> None:
    source = tmp_path / "source.db"
    with closing(apsw.Connection(str(source))) as db:
        db.execute("CREATE TABLE t(a); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT 1; CREATE INDEX i ON t(a)")
    broken = dumped(source).replace(b"CREATE VIEW v AS SELECT 1", b"CREATE VIEW v AS SELEKT 1")
    done = subprocess.run([shell, "new.db"], input=broken, cwd=tmp_path, capture_output=True, check=False)
    assert done.stderr
    assert objects_in(tmp_path / "new.db") == 0
