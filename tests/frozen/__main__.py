"""Makes the frozen store of the format that this Litekeep writes. Refuses to touch one that is there."""

import os
import subprocess
import sys
from pathlib import Path

from litekeep.sample import make_sample

HERE = Path(__file__).parent


def main() -> None:
    folder = HERE / "format-1"
    folder.mkdir()
    make_sample(folder / "original.sqlite", scale=0.004)
    _run(folder, "keygen", "frozen.key")
    for name, key in (("sealed", "file:frozen.key"), ("plain", "none")):
        _run(folder, "backup", "--name", name, BACKUP_KEY=key, DATABASE_URL="original.sqlite", BACKUP_STORE="store")


def _run(folder: Path, *arguments: str, **settings: str) -> None:
    environment = os.environ | settings | {"PYTHONPATH": str(HERE.parents[1])}
    subprocess.run([sys.executable, "-m", "litekeep", *arguments], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
