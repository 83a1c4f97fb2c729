"""Other processes that use a database: writers that keep an invariant, and writers that are killed."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw

ACCOUNTS = 50
TOTAL = ACCOUNTS * 1000

_PRELUDE = """
import apsw, os, random, sys
path = sys.argv[1]
def run(connection, sql, *values):
    return connection.execute(sql, values).fetchall()
def ready():
    print("ready", flush=True)
connection = apsw.Connection(path)
connection.set_busy_timeout(20000)
"""

# Each transaction moves money between two tables, so the total is the same in every committed state.
TRANSFERS = """
run(connection, "PRAGMA synchronous = OFF")
moved = 0
while True:
    run(connection, "BEGIN IMMEDIATE")
    amount, account = random.randrange(100), random.randrange(50)
    run(connection, "UPDATE savings SET amount = amount - ? WHERE id = ?", amount, account)
    run(connection, "UPDATE giro SET amount = amount + ? WHERE id = ?", amount, random.randrange(50))
    run(connection, "UPDATE ballast SET filler = randomblob(3000) WHERE id = ?", random.randrange(400))
    run(connection, "COMMIT")
    moved += 1
    if moved == 3:
        ready()
"""

# With a small cache SQLite writes uncommitted pages to the file, and the journal to disk.
DIES_WITH_HOT_JOURNAL = """
run(connection, "PRAGMA cache_size = 5")
run(connection, "BEGIN")
run(connection, "UPDATE ballast SET filler = zeroblob(3000)")
run(connection, "UPDATE savings SET amount = amount + 1")
connection.cache_flush()
os.kill(os.getpid(), 9)
"""

DIES_WITH_WAL = """
run(connection, "PRAGMA wal_autocheckpoint = 0")
run(connection, "UPDATE savings SET amount = amount - 7 WHERE id = 1")
run(connection, "UPDATE giro SET amount = amount + 7 WHERE id = 1")
run(connection, "CREATE TABLE only_in_wal(x)")
run(connection, "BEGIN")
run(connection, "UPDATE savings SET amount = 0")
os.kill(os.getpid(), 9)
"""

IDLES = """
run(connection, "SELECT count(*) FROM savings")
ready()
sys.stdin.read()
"""

HOLDS_EXCLUSIVELY = """
run(connection, "PRAGMA locking_mode = EXCLUSIVE")
run(connection, "BEGIN EXCLUSIVE")
ready()
sys.stdin.read()
"""

WRITES_AND_WAITS = """
run(connection, "PRAGMA cache_size = 5")
run(connection, "BEGIN IMMEDIATE")
run(connection, "UPDATE savings SET amount = 0")
ready()
sys.stdin.read()
"""

WAL_READER_AND_WRITER = """
run(connection, "PRAGMA wal_autocheckpoint = 0")
run(connection, "CREATE TABLE only_in_wal(x)")
ready()
sys.stdin.read()
"""


def make_bank(path: Path, journal_mode: str = "delete", **settings: Any) -> Path:
    """Makes a database of 1.3 MB with the invariant that `assert_consistent` checks."""
    with closing(apsw.Connection(str(path))) as connection:
        for name, value in settings.items():
            connection.pragma(name, value)
        connection.pragma("journal_mode", journal_mode)
        with connection:
            for table in ("savings", "giro"):
                connection.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)")
                connection.executemany(
                    f"INSERT INTO {table} VALUES (?, ?)", ((account, 500) for account in range(ACCOUNTS))
                )
            connection.execute("CREATE TABLE ballast(id INTEGER PRIMARY KEY, filler BLOB)")
            connection.executemany(
                "INSERT INTO ballast VALUES (?, ?)", ((number, os.urandom(3000)) for number in range(400))
            )
    return path


@contextmanager
def running(code: str, path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Runs code on `path` in another process: the block starts when it is ready, and kills it at the end."""
    command = [sys.executable, "-c", _PRELUDE + textwrap.dedent(code), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def run_to_death(code: str, path: Path) -> None:
    command = [sys.executable, "-c", _PRELUDE + textwrap.dedent(code), str(path)]
    assert subprocess.run(command, check=False).returncode == -9


def assert_consistent(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        query = "SELECT (SELECT sum(amount) FROM savings) + (SELECT sum(amount) FROM giro)"
        assert connection.execute(query).get == TOTAL


def query(path: Path, sql: str) -> Any:
    with closing(apsw.Connection(str(path))) as connection:
        return connection.execute(sql).get


def state_of(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Returns inodes, times, modes and bytes of all files in a folder, by name."""
    return {
        file.name: (file.stat().st_ino, file.stat().st_mtime_ns, file.stat().st_mode, file.read_bytes())
        for file in sorted(folder.iterdir())
    }
