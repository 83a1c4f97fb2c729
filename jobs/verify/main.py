"""The verify job: verifies backups or a file, emits an event for each, and prints the verdicts."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from jobs.verify.many import KnownGood, Missing, Unproven, Verdict, verify_many, verify_one
from jobs.verify.verdict_events import emit_verdict
from shared.catalog.backup import Backup
from shared.catalog.checker import Checker
from shared.catalog.listing import LATEST, LATEST_VERIFIED, Catalog
from shared.clock import parse_time, utc_now
from shared.errors import LitekeepError, NotGood, UsageError
from shared.events.log import Event, EventLog
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.names import BackupName, parse
from shared.operations.verify.ladder import Verification, verify_backup, verify_file
from shared.runtime.progress import Progress
from shared.schedule.task_share import share
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.audit import audited
from shared.terminal.flags import VerifyFlags, given_flags
from shared.terminal.options import settings_with
from shared.terminal.parts import database_of, event_log, events_own_stdout, key_of
from shared.terminal.screen import BAD, GOOD, UNKNOWN, say, say_json
from shared.text import count

_SPAN = re.compile(r"(\d{1,6})(min|h|d|w)", re.ASCII)
_MINUTES = {"min": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}


def run_verify(flags: VerifyFlags, *, as_json: bool, progress: Progress) -> int:
    """Verifies the backups that the flags select, and prints the verdicts.

    Returns 3 if one is not good, 1 if one could not be verified, else 0.
    """
    chosen = [name for name in ("ref", "every", "since", "file") if name in given_flags(flags)]
    if len(chosen) > 1:
        raise UsageError("--backup, --all, --since and --file exclude each other: give one")
    if flags.again and not (flags.every or flags.since):
        raise UsageError("--again needs --all or --since: a single backup is always verified again")
    settings = settings_with(backup_store=flags.store)
    if flags.file:
        file = flags.file
        found = verify_one(file, lambda: _verify_file(Path(file), progress))
    else:
        found = _verify_store(settings, flags, event_log(settings, result_on_stdout=as_json), progress)
    if as_json:
        say_json([verdict.to_json() for verdict in found])
    elif not events_own_stdout(settings):
        for verdict in found:
            _say(verdict)
        if flags.every or flags.since:
            _say_total(found)
    if any(verdict.ok is False for verdict in found):
        return NotGood.exit_code
    return 0 if all(verdict.ok and not _unrecorded(verdict) for verdict in found) else LitekeepError.exit_code


def since(text: str, now: datetime) -> datetime:
    """Returns the start of a period such as `24h`, `7d` or `90min` before now, or the given time. Raises UsageError."""
    try:
        if match := _SPAN.fullmatch(text):
            return now - timedelta(minutes=int(match[1]) * _MINUTES[match[2]])
        return parse_time(text)
    except (ValueError, OverflowError):
        raise UsageError(f"--since {text!r} is not a period: write 24h, 7d, 90min, or a time like 2024-01-15") from None


def _verify_file(path: Path, progress: Progress) -> Verification:
    if not path.is_file():
        raise UsageError(f"--file {path} is not a file")
    return verify_file(path, progress=progress)


def _verify_store(settings: Settings, flags: VerifyFlags, log: EventLog, progress: Progress) -> list[Verdict]:
    """Verifies the backups of the store that the flags select."""
    checker = Checker(lambda: key_of(settings))
    catalog = Catalog(open_store(settings.backup_store), check=checker)
    if flags.every or flags.since:
        backups = _several(catalog, settings, flags)
        key = key_of(settings)
        return verify_many(
            catalog.store,
            backups,
            lambda backup: _verify_stored(catalog, backup, key, settings, log, progress),
            again=flags.again,
            look=lambda backup: checker(catalog, backup),
            read_before=utc_now() - settings.backup_reverify,
        )
    if flags.ref in (LATEST, LATEST_VERIFIED) and not flags.database:
        newest = catalog.newest_of_each(flags.ref)
        if len(newest) > 1:
            return _newest_of_each(catalog, flags.ref, newest, settings, log, progress)
    database = flags.database or (None if flags.ref else database_of(settings))
    backup = catalog.find(flags.ref or LATEST, database)
    key = key_of(settings)
    return verify_one(backup.name.id, lambda: _verify_stored(catalog, backup, key, settings, log, progress))


def _newest_of_each(
    catalog: Catalog, ref: str, newest: dict[str, Backup | None], settings: Settings, log: EventLog, progress: Progress
) -> list[Verdict]:
    """Verifies the newest backup of each database. A database without one gets a verdict that is not ok."""
    key = key_of(settings)
    index, tasks = settings.cloud_run_task_index, settings.cloud_run_task_count
    backups = share([each for each in newest.values() if each], index, tasks, name=lambda backup: backup.name.prefix)
    found = verify_many(
        catalog.store, backups, lambda backup: _verify_stored(catalog, backup, key, settings, log, progress), again=True
    )
    without = [database for database, backup in newest.items() if backup is None and index == 0]
    good = catalog.newest_of_each(LATEST) if without and ref == LATEST_VERIFIED else {}
    missing = [Missing(database, unproven=good.get(database) is not None) for database in without]
    for each in missing:
        log.emit(Event.VERIFY_FAILED, each.error, {"database": each.database})
    return [*found, *missing]


def _several(catalog: Catalog, settings: Settings, flags: VerifyFlags) -> list[Backup]:
    """Returns the backups of --all or --since that are assigned to this task, newest first."""
    backups = catalog.backups(database=flags.database)
    if flags.since:
        start = since(flags.since, utc_now())
        due = utc_now() - settings.backup_reverify
        backups = [backup for backup in backups if backup.created_at >= start or _last_read(backup) < due]
        backups = _one_point_per_hour(backups)
    elif not backups:
        raise LitekeepError(f"no backups in {catalog.store.url}: take one with litekeep backup")
    index, tasks = settings.cloud_run_task_index, settings.cloud_run_task_count
    return share(backups, index, tasks, name=lambda backup: backup.name.prefix)


def _one_point_per_hour(backups: list[Backup]) -> list[Backup]:
    """Returns the backups with only the newest point of each hour: verifying a point verifies its whole chain."""
    seen: set[tuple[str, datetime]] = set()
    kept = []
    for backup in backups:  # newest first
        hour = (backup.name.database, backup.created_at.replace(minute=0, second=0, microsecond=0))
        if backup.name.kind is not Kind.CONTINUOUS or hour not in seen:
            kept.append(backup)
        if backup.name.kind is Kind.CONTINUOUS:
            seen.add(hour)
    return kept


def _last_read(backup: Backup) -> datetime:
    """Returns when the backup was last verified, or when it was taken if it never was."""
    parsed = parse(backup.verdict.name) if backup.verdict else None
    return (parsed.verified_at if parsed else None) or backup.created_at


def _verify_stored(
    catalog: Catalog,
    backup: Backup,
    key: WrappingKey | None,
    settings: Settings,
    log: EventLog,
    progress: Progress,
) -> Verification:
    name = backup.name
    named = {"database": name.database, "backup_id": name.id, "kind": name.kind.value}
    with audited(log, settings, "verify", _place(catalog, name), **named) as operation:
        with operation.step(Event.VERIFY_FAILED, f"{name.id} could not be verified"):
            verification = verify_backup(catalog, backup, key, progress=progress)
        operation.reason = emit_verdict(log, name, verification)
        operation.failed = operation.reason is not None
    return replace(verification, passed_over=backup.passed_over)


def _place(catalog: Catalog, name: BackupName) -> str:
    return f"{catalog.store.url}/{name.prefix}"


def _say(verdict: Verdict) -> None:
    if isinstance(verdict, KnownGood):
        say(f"{GOOD} {verdict.id} not read again: it was good on {verdict.verified_on}")
    elif isinstance(verdict, Unproven):
        say(f"{UNKNOWN} {verdict.id} could not be verified: {verdict.error}")
    elif isinstance(verdict, Missing):
        say(f"{BAD} {verdict.error}")
    else:
        for why in verdict.passed_over:
            say(f"{BAD} passed over: {why}")
        say(f"{GOOD if verdict.ok else BAD} {verdict.id} is {'good' if verdict.ok else 'NOT good'}")
        for check in verdict.checks:
            say(f"    {GOOD if check.ok else BAD} {check.name:<9} {check.detail}")
        if verdict.disregarded:
            say(f"    {BAD} an earlier verdict was ignored: {verdict.disregarded}")
        if verdict.unrecorded:
            say(f"    {BAD} this verdict could not be stored: {verdict.unrecorded}")


def _unrecorded(verdict: Verdict) -> bool:
    return isinstance(verdict, Verification) and verdict.unrecorded is not None


def _say_total(found: list[Verdict]) -> None:
    good = sum(verdict.ok is True for verdict in found)
    known = sum(isinstance(verdict, KnownGood) for verdict in found)
    bad = sum(verdict.ok is False for verdict in found)
    say(
        f"{count(len(found), 'backup')}: {good - known} good, "
        f"{known} not read again (good before; --again reads them), "
        f"{bad} NOT good, {len(found) - good - bad} could not be verified"
    )
