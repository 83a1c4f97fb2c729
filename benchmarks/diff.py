"""`python -m benchmarks.diff`: CPU time and memory to read and to compare two databases of 1 GB.

Reading both is the reference: SQLite scans every table of each file and reads every value of every row. In the second
database 1 % of the rows are changed, 1 % deleted and 1 % added. Each measurement runs in a process of its own.
"""

import argparse
import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import apsw

from benchmarks.databases import make_database
from shared.operations.diff.compare import compare, open_pair
from shared.sqlite.names import quote_name

_TABLES = ("users", "events", "messages", "settings")
_WITHIN, _MOST_MEMORY = 2.0, 200  # times the CPU of reading both; MB


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diff", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="litekeep-bench-") as name:
        a, b = Path(name) / "a.db", Path(name) / "b.db"
        make_database(a, options.megabytes)
        b.write_bytes(b"")
        _change(a, b)
        print(f"{a.stat().st_size / 1e6:.0f} MB against {b.stat().st_size / 1e6:.0f} MB, {_rows(a):,} rows against")
        read = min(_child("read", a, b) for _ in range(options.rounds))
        compared = min(_child("compare_both", a, b) for _ in range(options.rounds))
    print(f"reading both: {read[0]:.1f} s of CPU, {read[1]:.0f} MB of memory")
    print(
        f"comparing:    {compared[0]:.1f} s of CPU, {compared[1]:.0f} MB of memory: {compared[0] / read[0]:.2f} times"
    )
    reached = compared[0] <= _WITHIN * read[0] and compared[1] < _MOST_MEMORY
    print(f"within {_WITHIN:g} times and below {_MOST_MEMORY} MB: {'yes' if reached else 'NO'}")


def _change(a: Path, b: Path) -> None:
    with closing(apsw.Connection(str(a))) as connection, closing(apsw.Connection(str(b))) as other:
        with other.backup("main", connection, "main") as copying:
            copying.step(-1)
        with other:
            for table, key, column in (("events", "id", "payload"), ("messages", "rowid", "body")):
                other.execute(f"UPDATE {table} SET {column} = {column} || '.' WHERE {key} % 100 = 1")
                other.execute(f"DELETE FROM {table} WHERE {key} % 100 = 2")
            other.execute(
                "INSERT INTO events (user_id, kind, at) SELECT user_id, kind, at FROM events WHERE id % 100 = 3"
            )


def _rows(path: Path) -> int:
    with closing(apsw.Connection(str(path))) as connection:
        return sum(int(connection.execute(f"SELECT count(*) FROM {table}").get) for table in _TABLES)


def _child(work: str, a: Path, b: Path) -> tuple[float, float]:
    """Runs the function `work` in a process. Returns its CPU seconds and its memory in megabytes."""
    pid = os.fork()
    if pid == 0:
        os.execv(
            sys.executable,
            [sys.executable, "-c", f"from benchmarks.diff import {work}; {work}({str(a)!r}, {str(b)!r})"],
        )
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def read(*paths: str) -> None:
    for path in paths:
        with closing(apsw.Connection(path)) as connection:
            for table in _TABLES:
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                every = ", ".join(f"max(length({quote_name(column)}))" for column in columns)
                connection.execute(f"SELECT {every} FROM {table}").fetchall()


def compare_both(a: str, b: str) -> None:
    with open_pair(Path(a), Path(b)) as both:
        found = compare(both)
    assert not found.equal


if __name__ == "__main__":
    main()
