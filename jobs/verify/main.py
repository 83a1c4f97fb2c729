"""The verify job: which backups, one verdict each, one event each."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.catalog import LATEST, Backup, Catalog
from shared.clock import parse_time, utc_now
from shared.errors import LitekeepError, NotGood, UsageError
from shared.events import Event, EventLog
from shared.keys import WrappingKey
from shared.progress import Progress
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.options import settings_with
from shared.terminal.parts import database_of, event_log, events_own_stdout, key_of
from shared.terminal.screen import BAD, GOOD, say, say_json
from shared.verify import Verification, verify_backup, verify_file

_SPAN = re.compile(r"(\d{1,6})(min|h|d|w)", re.ASCII)
_MINUTES = {"min": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}


def run_verify(flags: dict[str, Any], *, as_json: bool, progress: Progress) -> int:
    """Verifies what the flags ask for and says each verdict. Returns 0, or 3 if any is not good."""
    chosen = [name for name in ("ref", "every", "since", "file") if flags[name]]
    if len(chosen) > 1:
        raise UsageError("--backup, --all, --since and --file exclude each other: give one")
    settings = settings_with(backup_store=flags["store"])
    if flags["file"]:
        found = [_of_file(Path(flags["file"]), progress)]
    else:
        found = _of_store(settings, flags, event_log(settings, result_on_stdout=as_json), progress)
    if as_json:
        say_json([verification.to_json() for verification in found])
    elif not events_own_stdout(settings):
        for verification in found:
            _say(verification)
    return 0 if all(verification.ok for verification in found) else NotGood.exit_code


def since(text: str, now: datetime) -> datetime:
    """`24h`, `7d`, `90min`, or a time. Raises UsageError."""
    if match := _SPAN.fullmatch(text):
        return now - timedelta(minutes=int(match[1]) * _MINUTES[match[2]])
    try:
        return parse_time(text)
    except ValueError:
        raise UsageError(f"--since {text!r} is no span: write 24h, 7d, 90min, or a time such as 2024-01-15") from None


def _of_file(path: Path, progress: Progress) -> Verification:
    if not path.is_file():
        raise UsageError(f"--file {path} is not a file")
    return verify_file(path, progress=progress)


def _of_store(settings: Settings, flags: dict[str, Any], log: EventLog, progress: Progress) -> list[Verification]:
    catalog = Catalog(open_store(settings.backup_store))
    backups = _chosen(catalog, settings, flags)
    key = key_of(settings)
    return [_one(catalog, backup, key, log, progress) for backup in backups]


def _chosen(catalog: Catalog, settings: Settings, flags: dict[str, Any]) -> list[Backup]:
    if not (flags["every"] or flags["since"]):
        database = flags["database"] or (None if flags["ref"] else database_of(settings))
        return [catalog.find(flags["ref"] or LATEST, database)]
    backups = catalog.backups(database=flags["database"])
    if flags["since"]:
        start = since(flags["since"], utc_now())
        backups = [backup for backup in backups if backup.created_at >= start]
    if not backups and flags["every"]:
        raise UsageError(f"no backups in {catalog.store.url}: take one with litekeep backup")
    return backups


def _one(catalog: Catalog, backup: Backup, key: WrappingKey | None, log: EventLog, progress: Progress) -> Verification:
    name = backup.name
    fields = {"database": name.database, "backup_id": name.id, "kind": name.kind.value}
    try:
        verification = verify_backup(catalog, backup, key, progress=progress)
    except LitekeepError as error:
        log.emit(Event.VERIFY_FAILED, f"{name.id} could not be verified: {error}", fields)
        raise
    if verification.ok:
        log.emit(Event.VERIFY_SUCCEEDED, f"{name.id} is good", fields)
    else:
        failed = next(check for check in verification.checks if not check.ok)
        log.emit(Event.VERIFY_FAILED, f"{name.id} is not good: {failed.detail}", fields | {"check": failed.name})
    return verification


def _say(verification: Verification) -> None:
    say(f"{GOOD if verification.ok else BAD} {verification.id} is {'good' if verification.ok else 'NOT good'}")
    for check in verification.checks:
        say(f"    {GOOD if check.ok else BAD} {check.name:<9} {check.detail}")
