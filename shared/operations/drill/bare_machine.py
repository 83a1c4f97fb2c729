"""Restores as on an empty machine: in a new process that gets only the store's address and the key.

Its home is a new folder and its environment has no settings and no cache. It shares this process's code and Google
identity. It prints its result as JSON.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.catalog.listing import Catalog
from shared.errors import LitekeepError, NotGood, SourceError
from shared.keys import open_key
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.drill.proof import checks_of
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.run import restore
from shared.operations.verify.check import Check
from shared.runtime.confined import module_path
from shared.settings import environment_of_a_bare_machine
from shared.sqlite.location import FileLocation
from shared.stores import open_store

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {module} import main; main()"
_KEY_FILE = "litekeep.key"
_TARGET = "restored.sqlite"


def restore_on_a_bare_machine(store: str, key_name: str, backup: BackupName, machine: Path) -> tuple[Path, list[Check]]:
    """Restores into the new folder `machine`. Returns the file and its checks.

    Raises NotGood if the backup is bad, and LitekeepError if the store, the disk or the key failed.
    """
    machine.mkdir(mode=0o700)
    request = {
        "store": store if store.startswith("gs://") else str(Path(store).absolute()),
        "key": _key_on_machine(key_name, machine),
        "backup": [backup.kind.value, backup.database, backup.id],
    }
    start = _START.format(module=__name__)
    command = [sys.executable, "-I", "-S", "-c", start, json.dumps(module_path()), json.dumps(request)]
    environment = environment_of_a_bare_machine(machine)
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, cwd=machine, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False
        )
    except OSError as error:
        raise SourceError(f"cannot start {sys.executable} ({error.strerror}): repair the installation") from error
    return machine / _TARGET, _answer(done.stdout, done.returncode)


def _key_on_machine(key_name: str, machine: Path) -> str:
    """Returns the key's name on the new machine. A key file is copied there; a Cloud KMS key keeps its name."""
    if not key_name.startswith("file:"):
        return key_name
    shutil.copyfile(Path(key_name.removeprefix("file:")).expanduser(), machine / _KEY_FILE)
    (machine / _KEY_FILE).chmod(0o600)
    return f"file:{_KEY_FILE}"


def _answer(printed: bytes, code: int) -> list[Check]:
    try:
        answer = json.loads(printed)
    except ValueError:
        raise SourceError(f"the restore on an empty machine ended with exit code {code} and no result") from None
    if "error" in answer:
        raise (NotGood if answer["not_good"] else LitekeepError)(answer["error"])
    return [Check(**check) for check in answer["checks"]]


def main() -> None:
    """Runs in the new process: reads store, key and backup from the argument, and prints the result."""
    print(json.dumps(_restored(json.loads(sys.argv[2]))))


def _restored(request: dict[str, Any]) -> dict[str, Any]:
    try:
        catalog, key = Catalog(open_store(request["store"])), open_key(request["key"])
        kind, database, backup_id = request["backup"]
        wanted = BackupName(Kind(kind), database, backup_id)
        backup = next((found for found in catalog.backups(wanted.kind, database) if found.name == wanted), None)
        if backup is None:
            gone = f"{wanted.id} is not in {catalog.store.url} any more: run another drill"
            return {"error": gone, "not_good": False}
        target = Path(_TARGET).absolute()
        done = restore(RestoreOptions(catalog, backup, key, FileLocation(target), prove_if_erased=True))
        checks = checks_of(catalog, backup, key, done, target)
    except LitekeepError as error:
        return {"error": str(error), "not_good": isinstance(error, NotGood)}
    return {"checks": [asdict(check) for check in checks]}
