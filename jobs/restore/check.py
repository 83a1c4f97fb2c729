"""`restore --check`: checks whether a restore could reach and write its target. Writes nothing."""

from collections.abc import Callable
from dataclasses import asdict

from shared.archive.data_key import DataKey
from shared.databases.interface import Condition
from shared.errors import LitekeepError, UsageError
from shared.events.log import Event, Field
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.restore.target import restore_target
from shared.settings import Settings
from shared.terminal.endings import reported
from shared.terminal.flags import RestoreFlags, flag_name, given_flags
from shared.terminal.parts import catalog_of, event_log, events_own_stdout, key_of, location_of
from shared.terminal.screen import BAD, GOOD, UNKNOWN, say, say_json
from shared.text import count

_SIGNS = {True: GOOD, False: BAD, None: UNKNOWN}


def run_check(settings: Settings, flags: RestoreFlags, *, as_json: bool) -> int:
    """Checks target, store and key, and emits one event. Returns 1 if a check failed, else 0."""
    log = event_log(settings, result_on_stdout=as_json)
    fields: dict[str, Field] = {}

    def failed(why: str) -> None:
        log.emit(Event.RESTORE_CHECK_FAILED, f"a restore would fail: {why}", fields)

    with reported(failed):
        for name in given_flags(flags):
            if name not in ("check", "store"):
                raise UsageError(
                    f"{flag_name(name)} does not go with --check, which looks at DATABASE_URL: leave it out"
                )
        if settings.database_url is None:
            raise UsageError("DATABASE_URL is not set: set it to the target of restores")
        target = location_of(settings.database_url, settings, "DATABASE_URL of the target")
        fields |= {"database": target.database, "target": target.display}
        found = [
            *restore_target(target).conditions(),
            _condition("store", lambda: _store(settings)),
            _condition("key", lambda: _key(settings)),
        ]
        if missing := [condition for condition in found if condition.ok is False]:
            failed("; ".join(f"{condition.name}: {condition.detail}" for condition in missing))
        else:
            log.emit(Event.RESTORE_CHECK_SUCCEEDED, f"a restore would reach {target.display}", fields)
    if as_json:
        say_json([asdict(condition) for condition in found])
    elif not events_own_stdout(settings):
        width = max(len(condition.name) for condition in found)
        for condition in found:
            say(f"{_SIGNS[condition.ok]} {condition.name:<{width}} {condition.detail}")
    return LitekeepError.exit_code if missing else 0


def _store(settings: Settings) -> str:
    catalog = catalog_of(settings)
    backups = catalog.backups()
    if not backups:
        raise UsageError(f"{catalog.store.url} holds no backups: check BACKUP_STORE")
    return f"{catalog.store.url}: {count(len(backups), 'backup')}"


def _key(settings: Settings) -> str:
    """Wraps and unwraps a new data key, as a safety backup does. Returns the result in words."""
    key = key_of(settings)
    if key is None:
        return "none: backups are NOT encrypted"
    name = BackupName(Kind.ON_DEMAND, "check", "check")
    DataKey.unwrap(DataKey.generate().wrap(key, name), key, name)
    return f"{key.name}: wraps and unwraps"


def _condition(name: str, look: Callable[[], str]) -> Condition:
    try:
        return Condition(name, ok=True, detail=look())
    except LitekeepError as error:
        return Condition(name, ok=False, detail=str(error))
