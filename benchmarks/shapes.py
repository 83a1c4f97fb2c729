"""Databases of unusual shapes: does any step take more than twice the time for twice the data?

    python -m benchmarks.shapes [--only SHAPE] [--share N] [--folder DIR]

Each shape is made in two sizes, one twice the other, and every step runs on both. The figure to look at is the ratio of
the CPU times: 2 is linear, 4 is quadratic.
"""

import argparse
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from benchmarks.contenders import environment
from benchmarks.measure import Sample, measure
from benchmarks.report import table
from shared.dump.short_schema import ShortSchema

_MEGABYTE = 1_000_000
_STEPS = {
    "backup": "litekeep backup --store store --name it",
    "verify": "litekeep verify --store store --backup it",
    "restore": "litekeep restore --store store --backup it --to back.db",
    "backup as SQL": "litekeep backup --store sql --name it --format sql",
    "restore from SQL": "litekeep restore --store sql --backup it --to sql.db",
}


@dataclass(frozen=True)
class Shape:
    """A kind of database; `make` fills a database with `amount` of `unit`."""

    name: str
    unit: str
    amount: int
    make: Callable[[apsw.Connection, int], None]


@dataclass(frozen=True)
class Growth:
    """One step on a shape, measured with half the amount and with the whole amount."""

    shape: Shape
    amount: int
    step: str
    half: Sample
    whole: Sample

    @property
    def ratio(self) -> float:
        return self.whole.cpu / self.half.cpu


def _tables(db: apsw.Connection, count: int) -> None:
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    short = ShortSchema(db)  # to be faster: SQLite alone takes minutes
    for number in range(count):
        short.before_table()
        db.execute(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        db.execute(f"INSERT INTO t{number} (name) VALUES ('one'), ('two'), ('three')")
    short.show()


def _rows(db: apsw.Connection, count: int) -> None:
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)")
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        "INSERT INTO t SELECT i, i % 97 FROM n",
        (count,),
    )


def _blobs(db: apsw.Connection, megabytes: int) -> None:
    chance = random.Random(1)
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)")
    db.executemany("INSERT INTO t (b) VALUES (?)", ((chance.randbytes(_MEGABYTE),) for _ in range(megabytes)))


def _columns(db: apsw.Connection, count: int) -> None:
    """Uses the most columns that SQLite allows by default; the number of rows grows."""
    names = ", ".join(f"c{number}" for number in range(2000))
    db.execute(f"CREATE TABLE t ({names})")
    db.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 2000)})", (range(row, row + 2000) for row in range(count)))


SHAPES = (
    Shape("small tables", "tables", 20_000, _tables),
    Shape("small rows", "rows", 10_000_000, _rows),
    Shape("blobs of 1 MB", "MB", 1_000, _blobs),
    Shape("2,000 columns", "rows", 20_000, _columns),
)


def measure_shapes(
    folder: Path, share: float, say: Callable[[str], None], shapes: Iterable[Shape] = SHAPES
) -> list[Growth]:
    """Measures every step on every shape, with `share` times the full amounts."""
    found = []
    for shape in shapes:
        amount = int(shape.amount * share)
        half, whole = (_measured(folder / f"{part}", shape, part, say) for part in (amount // 2, amount))
        found += [Growth(shape, amount, step, half[step], whole[step]) for step in _STEPS]
    return found


def _measured(folder: Path, shape: Shape, amount: int, say: Callable[[str], None]) -> dict[str, Sample]:
    folder.mkdir(parents=True)
    with closing(apsw.Connection(str(folder / "app.db"))) as db:
        db.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
        with db:
            shape.make(db, amount)
    found = {}
    for step, command in _STEPS.items():
        say(f"{amount:,} {shape.unit} of {shape.name}: {step}")
        found[step] = measure(command, folder, environment())
    shutil.rmtree(folder)
    return found


def growth_table(found: list[Growth]) -> str:
    """Returns the results as a Markdown table."""
    rows = [
        [
            f"{one.shape.name}: {one.step}",
            f"{one.amount // 2:,} {one.shape.unit}: {one.half.cpu:.1f} s",
            f"{one.amount:,}: {one.whole.cpu:.1f} s",
            f"{one.ratio:.2f}",
            f"{one.whole.memory / _MEGABYTE:.0f} MB",
        ]
        for one in found
    ]
    return table(["shape, both formats", "CPU of half", "CPU", "ratio", "memory"], rows)


def section(folder: Path, quick: bool, say: Callable[[str], None]) -> str:
    """Measures and returns this section of docs/benchmarks.md."""
    return growth_table(measure_shapes(folder / "shapes", 0.02 if quick else 1, say))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shapes", description=__doc__)
    parser.add_argument("--only", choices=[shape.name for shape in SHAPES], help="one shape [all]")
    parser.add_argument("--share", type=float, default=1, help="of the full sizes [1]")
    parser.add_argument("--folder", type=Path, help="work below this one [TMPDIR]")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="litekeep-shapes-", dir=options.folder))
    try:
        shapes = [shape for shape in SHAPES if options.only in (None, shape.name)]
        print(growth_table(measure_shapes(folder, options.share, lambda line: print(line, flush=True), shapes)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
