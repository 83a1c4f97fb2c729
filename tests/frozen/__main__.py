"""Makes the frozen stores of the formats that this version writes. Existing ones are not changed."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from litekeep.sample import make_sample

HERE = Path(__file__).parent


def main() -> None:
    for name, fill in (("format-1", make), ("format-2", make_chain)):
        if (HERE / name).exists():
            continue
        with tempfile.TemporaryDirectory() as elsewhere:  # a manifest names its database's folder
            fill(Path(elsewhere))
            shutil.copytree(elsewhere, HERE / name, ignore=shutil.ignore_patterns(".*"))


def make(folder: Path) -> None:
    make_sample(folder / "original.sqlite", scale=0.004)
    _run(folder, "keygen", "frozen.key")
    for name, key in (("sealed", "file:frozen.key"), ("plain", "none")):
        _run(folder, "backup", "--name", name, BACKUP_KEY=key, DATABASE_URL="original.sqlite", BACKUP_STORE="store")


def make_chain(folder: Path) -> None:
    """Makes a base and two increments of two databases, whose files stay in the state of the last increment."""
    _run(folder, "keygen", "frozen.key")
    for name, key in (("sealed", "file:frozen.key"), ("plain", "none")):
        database = folder / f"{name}.sqlite"
        make_sample(database, scale=0.004)
        for write in (None, "UPDATE users SET name = 'one' WHERE id = 1", "DELETE FROM users WHERE id = 2"):
            with closing(sqlite3.connect(database)) as connection:
                connection.executescript(write or "")
            settings = {"BACKUP_KEY": key, "DATABASE_URL": database.name, "BACKUP_STORE": "store"}
            _run(folder, "backup", "--kind", "continuous", **settings)


def _run(folder: Path, *arguments: str, **settings: str) -> None:
    environment = os.environ | settings | {"PYTHONPATH": str(HERE.parents[1])}
    subprocess.run([sys.executable, "-m", "litekeep", *arguments], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
