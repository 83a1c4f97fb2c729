"""The monitor job: checks the stores once, and emits an event for each finding, or `monitor.ok`."""

from dataclasses import replace

from jobs.monitor.trail import checkpoint
from shared.clock import Clock, utc_now
from shared.events.log import Event, EventLog
from shared.monitor.finding import Finding
from shared.monitor.judge import ages, judge
from shared.monitor.listing_check import check_listing
from shared.monitor.probes import probe_key, probe_store
from shared.retention.inventory import Inventory
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.cloud_project import native_alarms
from shared.terminal.endings import reported
from shared.terminal.notify import failures_of, notify_of_findings
from shared.terminal.options import settings_with
from shared.terminal.parts import event_log, events_own_stdout, key_of
from shared.terminal.screen import say, say_json
from shared.terminal.watch import look_at_stores


def run_monitor(store_url: str | None, database: str | None, *, as_json: bool, clock: Clock = utc_now) -> int:
    """Checks the stores, and reports what needs attention.

    Returns 1 if anything does, else 0. On Cloud Run it returns 1 only if something could not be checked, because a
    failed run is retried and raises an alert.
    """
    settings = settings_with(backup_store=store_url)
    log = event_log(settings, result_on_stdout=as_json)
    began = clock()
    store = open_store(settings.backup_store)
    with reported(lambda why: log.emit(Event.MONITOR_FAILED, f"the monitor saw nothing: {why}", {"store": store.url})):
        measured, findings, unseen, inventory = _check_stores(settings, store, database, clock)
    before = failures_of(settings)
    if database is None:  # one database says nothing about the others
        findings += checkpoint(settings, store, inventory, log, clock)
        notify_of_findings(settings, [*findings, *before])
    after = failures_of(settings)  # with the failures of this run; the new checkpoint has ended old gaps of the trail
    findings += [*(each for each in before if each.event is Event.AUDIT_GAP and each not in after), *after]
    for each in [*measured, *findings]:
        log.emit(each.event, each.message, each.fields)
    if not findings:
        _say_ok(log, (clock() - began).total_seconds(), unseen)
    if as_json:
        say_json({"ok": not findings, "findings": [_to_json(each) for each in findings], "not_looked_at": unseen})
    elif not events_own_stdout(settings):
        _say(findings)
    blind = any(each.event is Event.MONITOR_FAILED for each in findings)
    return 1 if blind or (findings and settings.cloud_run_job is None) else 0


def _check_stores(
    settings: Settings, store: Store, database: str | None, clock: Clock
) -> tuple[list[Finding], list[Finding], str | None, Inventory]:
    """Returns the measured ages, the findings, the check that this account may not do (or None), and the inventory."""
    now, copy_url = clock(), settings.backup_copy_store
    listing, inventory = look_at_stores(settings, store, now, only=database)
    if not listing.databases:
        listing = replace(listing, problems=(*listing.problems, _nothing_to_watch(store.url)))
    findings = judge(listing, settings.backup_schedules, now)
    if findings or inventory.strays:
        findings += check_listing(store, inventory, now)
    findings += probe_key(lambda: key_of(settings))
    findings += probe_store(lambda: store, store.url)
    if copy_url:
        findings += probe_store(lambda: open_store(copy_url), copy_url)
    findings += native_alarms(settings, listing.databases, clock=clock)
    found = sorted(findings, key=lambda each: not each.is_error)
    return ages(listing, now), found, listing.not_looked_at, inventory


def _nothing_to_watch(url: str) -> Finding:
    message = f"{url} holds no backup, and DATABASE_URL names no database: set them, or take one with litekeep backup"
    return Finding(Event.MONITOR_FAILED, message, {"store": url})


def _say_ok(log: EventLog, seconds: float, unseen: str | None) -> None:
    seen = "everything" if unseen is None else f"everything but {unseen}"
    message = f"looked at {seen}, and found nothing that needs attention"
    log.emit(Event.MONITOR_OK, message, {"duration_seconds": round(max(seconds, 0.0), 3)})


def _to_json(finding: Finding) -> dict[str, object]:
    return {**finding.to_json(), **finding.fields}


def _say(findings: list[Finding]) -> None:
    for finding in findings:
        say(f"{'❌' if finding.is_error else '⚠️'} {finding.event}: {finding.message}")
    if not findings:
        say("✅ Checked everything: nothing needs attention")
