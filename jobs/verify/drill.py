"""The drill job: runs a drill of each database of this task, stores the reports, and emits the events."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from jobs.verify.drill_places import DrillRequest, with_scenarios
from jobs.verify.drill_screen import say_drill, say_list
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.clock import Clock, utc_now
from shared.errors import LitekeepError, NotGood, UsageError
from shared.events.log import Event, EventLog, Field
from shared.operations.drill.app_checks import AppCheck, read_app_checks
from shared.operations.drill.attempt import Role
from shared.operations.drill.drill import Drill
from shared.operations.drill.due import is_due, next_due
from shared.operations.drill.history import past_drills, trends
from shared.operations.drill.publish import publish
from shared.operations.drill.report import to_json
from shared.operations.drill.run import DrillOptions, drill_database
from shared.runtime.progress import Progress
from shared.runtime.so_far import note
from shared.schedule.task_share import share
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.audit import audited
from shared.terminal.endings import reported
from shared.terminal.options import settings_with
from shared.terminal.parts import event_log, events_own_stdout, key_of
from shared.terminal.screen import say, say_json


def run_drill(
    store_url: str | None,
    database: str | None,
    *,
    asked: DrillRequest,
    as_json: bool,
    progress: Progress,
    clock: Clock = utc_now,
) -> int:
    """Runs a drill of each database if one is due or `asked` requests one.

    Returns 0 if all passed, 3 if a backup is not good, 1 for any other finding. Needs only the store and the key; the
    scenarios also use DATABASE_URL if it is set.
    """
    settings = settings_with(backup_store=store_url)
    log = event_log(settings, result_on_stdout=as_json)
    today = clock()
    if not (asked.now or is_due(today)):
        return _skip(settings, log, today, as_json=as_json)
    app_checks = read_app_checks(settings.backup_drill_sql) if settings.backup_drill_sql else []
    catalog = Catalog(open_store(settings.backup_store))
    by_database = _backups_by_database(catalog, database)
    _check_databases(app_checks, by_database)
    index, tasks = settings.cloud_run_task_index, settings.cloud_run_task_count
    mine = share(sorted(by_database if database is None else [database]), index, tasks, name=str)
    with reported(lambda why: _say_none_held(log, mine, why)):
        options = with_scenarios(_options(settings, catalog, app_checks), asked, settings, today)
    drills: list[Drill] = []
    failures: list[LitekeepError] = []
    for name in mine:
        try:
            drills.append(_hold(options, name, by_database[name], settings, log, clock, progress))
        except LitekeepError as error:  # its event is sent; the other databases still get their drill
            failures.append(error)
    if failures and as_json:
        raise failures[0]
    if as_json:
        say_json([to_json(drill) for drill in drills])
    elif not events_own_stdout(settings):
        for drill in drills:
            say_drill(drill)
    if failures:
        raise failures[0]
    codes = {drill.exit_code for drill in drills}
    return NotGood.exit_code if NotGood.exit_code in codes else max(codes, default=0)


def run_list(store_url: str | None, database: str | None, *, as_json: bool) -> int:
    """Lists past drills, newest first. Returns 0."""
    store = open_store(settings_with(backup_store=store_url).backup_store)
    drills = past_drills(store, database)
    if as_json:
        say_json([drill.to_json() for drill in drills])
    else:
        say_list(drills, store.url)
    return 0


def _skip(settings: Settings, log: EventLog, today: datetime, *, as_json: bool) -> int:
    upcoming = next_due(today)
    reason = f"not due: the next first Sunday of a month is {upcoming}"
    log.emit(Event.DRILL_SKIPPED, f"no drill today, {reason}", {"reason": reason})
    if as_json:
        say_json([])
    elif not events_own_stdout(settings):
        say(f"No drill is due today. The next one is on {upcoming}; run one now: litekeep drill --now")
    return 0


def _backups_by_database(catalog: Catalog, database: str | None) -> dict[str, list[Backup]]:
    found: dict[str, list[Backup]] = {}
    for backup in catalog.backups():
        found.setdefault(backup.name.database, []).append(backup)
    if not found:
        raise LitekeepError(f"no backups in {catalog.store.url}: take one with litekeep backup --verify")
    if database is not None and database not in found:
        raise UsageError(f"no backup of {database!r} in {catalog.store.url}: see litekeep list")
    return found


def _check_databases(app_checks: Sequence[AppCheck], by_database: dict[str, list[Backup]]) -> None:
    """Raises UsageError for a check of a database without backups: it would never run, and so never fail."""
    for check in app_checks:
        if check.database is not None and check.database not in by_database:
            raise UsageError(
                f"BACKUP_DRILL_SQL: the database of the check {check.name!r} has no backup in the store: "
                "correct its `-- database:`"
            )


def _options(settings: Settings, catalog: Catalog, app_checks: Sequence[AppCheck]) -> DrillOptions:
    copy = Catalog(open_store(settings.backup_copy_store)) if settings.backup_copy_store else None
    key = key_of(settings)
    return DrillOptions(catalog, copy, key, app_checks, secrets.randbits(32), key_name=settings.backup_key)


def _hold(
    options: DrillOptions,
    database: str,
    backups: Sequence[Backup],
    settings: Settings,
    log: EventLog,
    clock: Clock,
    progress: Progress,
) -> Drill:
    """Runs a drill and stores its report. A drill whose report cannot be stored is not passed."""
    with audited(log, settings, "drill", options.catalog.store.url, database=database) as operation:
        with operation.step(Event.DRILL_FAILED, f"drill of {database} could not be run"):
            note(f"drill of {database}", f"the drill of {database} was not finished, and has no report")
            drill = drill_database(options, database, backups, clock=clock, progress=progress)
            try:
                past = past_drills(options.catalog.store, database)
                drill = replace(drill, trends=trends(past))
                publish(options.catalog.store, drill, past)
                note(f"drill of {database}", f"the drill of {database} is done, and its report is stored")
            except LitekeepError as error:
                reason = f"the report of this drill could not be stored: {error}"
                drill = replace(drill, findings=[*drill.findings, reason], reported=False)
        operation.failed = not drill.passed
        operation.reason = drill.findings[0] if drill.findings else None
        log.emit(*_event(drill))
        _say_source_damaged(log, drill)
    return drill


def _say_source_damaged(log: EventLog, drill: Drill) -> None:
    latest = drill.attempt(Role.LATEST)
    if latest is not None and latest.source_damage:
        fields: dict[str, Field] = {"database": drill.database, "backup_id": latest.backup.id}
        fields["kind"] = latest.backup.kind.value
        log.emit(Event.SOURCE_DAMAGED, f"{drill.database} itself is damaged: {latest.source_damage}", fields)


def _say_none_held(log: EventLog, databases: Sequence[str], why: str) -> None:
    for name in databases:
        log.emit(Event.DRILL_FAILED, f"drill of {name} could not be run: {why}", {"database": name})


def _event(drill: Drill) -> tuple[Event, str, dict[str, Field]]:
    fields: dict[str, Field] = {"database": drill.database}
    latest = drill.attempt(Role.LATEST)
    if latest is None and drill.rehearsals:
        fields |= _scenario_fields(drill)
    if latest is not None:
        fields |= {"backup_id": latest.backup.id, "kind": latest.backup.kind.value}
        fields["data_age_seconds"] = drill.data_age_seconds
        if latest.recovery_seconds is not None:
            fields["recovery_seconds"] = round(latest.recovery_seconds, 3)
    if drill.passed:
        return Event.DRILL_SUCCEEDED, f"drill of {drill.database} passed", fields
    failed_checks = [
        *(tried.first_failed for tried in drill.attempts),
        *(tried.first_failed for tried in drill.rehearsals),
    ]
    failed = next((check for check in failed_checks if check), None)
    if failed is not None:
        fields["check"] = failed.name
    return Event.DRILL_FAILED, f"drill of {drill.database} failed: {'; '.join(drill.findings)}", fields


def _scenario_fields(drill: Drill) -> dict[str, Field]:
    """Returns the event fields of the slowest scenario."""
    slowest = max(drill.rehearsals, key=lambda found: found.recovery_seconds or 0.0)
    fields: dict[str, Field] = {}
    if slowest.backup is not None:
        fields |= {"backup_id": slowest.backup.id, "kind": slowest.backup.kind.value}
    if slowest.lost_seconds is not None:
        fields["data_age_seconds"] = slowest.lost_seconds
    if slowest.recovery_seconds is not None:
        fields["recovery_seconds"] = round(slowest.recovery_seconds, 3)
    return fields
