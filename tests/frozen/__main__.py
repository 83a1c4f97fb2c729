"""Makes the frozen store of the format that this Litekeep writes. Refuses to touch one that is there."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from litekeep.sample import make_sample

HERE = Path(__file__).parent


def main() -> None:
    (HERE / "format-1").mkdir()
    with tempfile.TemporaryDirectory() as elsewhere:  # a manifest says where its database was
        make(Path(elsewhere))
        shutil.copytree(elsewhere, HERE / "format-1", ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True)


def make(folder: Path) -> None:
    make_sample(folder / "original.sqlite", scale=0.004)
    _run(folder, "keygen", "frozen.key")
    for name, key in (("sealed", "file:frozen.key"), ("plain", "none")):
        _run(folder, "backup", "--name", name, BACKUP_KEY=key, DATABASE_URL="original.sqlite", BACKUP_STORE="store")


def _run(folder: Path, *arguments: str, **settings: str) -> None:
    environment = os.environ | settings | {"PYTHONPATH": str(HERE.parents[1])}
    subprocess.run([sys.executable, "-m", "litekeep", *arguments], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
