"""`--check`: whether a restore would reach its target and may do there what it must. Writes nothing."""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from shared.archive.data_key import DataKey
from shared.clock import utc_now
from shared.errors import LitekeepError, UsageError
from shared.events.log import Event, Field
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.settings import Settings
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation
from shared.terminal.endings import reported
from shared.terminal.parts import catalog_of, event_log, events_own_stdout, key_of, location_of
from shared.terminal.screen import BAD, GOOD, UNKNOWN, say, say_json

_SIGNS = {True: GOOD, False: BAD, None: UNKNOWN}


@dataclass(frozen=True)
class Requirement:
    """One thing that a restore needs. `ok` None: not known, or not needed."""

    name: str
    ok: bool | None
    detail: str


def run_check(settings: Settings, flags: dict[str, Any], *, as_json: bool) -> int:
    """Looks at target, store and key, and reports what is missing as one event. Returns the exit code."""
    log = event_log(settings, result_on_stdout=as_json)
    fields: dict[str, Field] = {}

    def failed(why: str) -> None:
        log.emit(Event.RESTORE_CHECK_FAILED, f"a restore would fail: {why}", fields)

    with reported(failed):
        for name, value in flags.items():
            if value and name != "store":
                flag = {"ref": "backup", "prove": "verify", "tables": "table"}.get(name, name).replace("_", "-")
                raise UsageError(f"--{flag} does not go with --check, which looks at DATABASE_URL: leave it out")
        if settings.database_url is None:
            raise UsageError("DATABASE_URL is not set: set it to the target of restores")
        target = location_of(settings.database_url, settings, "DATABASE_URL of the target")
        fields |= {"database": target.database, "target": target.display}
        found = [*_target(target), _look("store", lambda: _store(settings)), _look("key", lambda: _key(settings))]
        if missing := [looked for looked in found if looked.ok is False]:
            failed("; ".join(f"{looked.name}: {looked.detail}" for looked in missing))
        else:
            log.emit(Event.RESTORE_CHECK_SUCCEEDED, f"a restore would reach {target.display}", fields)
    if as_json:
        say_json([asdict(looked) for looked in found])
    elif not events_own_stdout(settings):
        width = max(len(looked.name) for looked in found)
        for looked in found:
            say(f"{_SIGNS[looked.ok]} {looked.name:<{width}} {looked.detail}")
    return LitekeepError.exit_code if missing else 0


def _target(target: FileLocation | CloudLocation) -> Iterator[Requirement]:
    if isinstance(target, FileLocation):
        yield _look("target", lambda: _folder(target))
        return
    from shared.sqlitecloud.health import check  # noqa: PLC0415 - files need no driver

    for found in check(target.address, target.database, utc_now(), restores=True):
        name = "target" if found.name == "source" else found.name
        # A restore makes the database that is not there.
        absent = found.name == "database" and found.ok is False and "is not there" in found.detail
        yield Requirement(name, None if absent else found.ok, found.detail)


def _folder(target: FileLocation) -> str:
    folder = target.path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"the folder of {target.display} is not there: make it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"nothing can be written beside {target.display}: check the rights of its folder")
    return f"{target.display}: its folder can be written to"


def _store(settings: Settings) -> str:
    catalog = catalog_of(settings)
    backups = catalog.backups()
    if not backups:
        raise UsageError(f"{catalog.store.url} holds no backups: check BACKUP_STORE")
    return f"{catalog.store.url}: {len(backups)} backups"


def _key(settings: Settings) -> str:
    """Wraps a fresh data key, for the safety backup, and unwraps it."""
    key = key_of(settings)
    if key is None:
        return "none: backups are NOT encrypted"
    name = BackupName(Kind.ON_DEMAND, "check", "check")
    DataKey.unwrap(DataKey.generate().wrap(key, name), key, name)
    return f"{key.name}: wraps and unwraps"


def _look(name: str, look: Callable[[], str]) -> Requirement:
    try:
        return Requirement(name, ok=True, detail=look())
    except LitekeepError as error:
        return Requirement(name, ok=False, detail=str(error))
