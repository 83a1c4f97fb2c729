"""Makes the frozen store of the format that this Litekeep writes. Refuses to touch one that is there."""

import os
import shutil
from pathlib import Path

from jobs.backup.main import run_backup
from litekeep.sample import make_sample
from shared.progress import silent

HERE = Path(__file__).parent


def main() -> None:
    folder = HERE / "format-1"
    folder.mkdir()
    os.chdir(folder)
    make_sample(Path("app.db"), scale=0.004)
    shutil.copyfile("app.db", "original.sqlite")
    base = {"store": "store", "copy_to": None, "upload_gcs": False, "bucket": None, "allow_corrupt": False, "kind": None}
    for name, key in (("sealed", "file:./frozen.key"), ("plain", "none")):
        os.environ |= {"DATABASE_URL": "app.db", "BACKUP_KEY": key}
        if key != "none":
            from shared.keys.keyfile import KeyFile  # noqa: PLC0415

            KeyFile.create(Path("frozen.key"))
        run_backup(base | {"name": name, "formats": ()}, prove=False, as_json=False, progress=silent)
    Path("app.db").unlink()


if __name__ == "__main__":
    main()
