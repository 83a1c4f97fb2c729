"""The cleanup job: settings and flags in, one report out, and the events of a run that was meant to delete."""

from time import monotonic

from jobs.cleanup.report import FEW, say_lines, say_outcome, to_json
from shared.events.log import Event, EventLog, Field
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.retention import Outcome, clean, preview
from shared.retention.rules import Policy
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.audit import audited
from shared.terminal.endings import reported
from shared.terminal.options import settings_with
from shared.terminal.parts import event_log, events_own_stdout
from shared.terminal.screen import say_json


def run_cleanup(
    store_url: str | None,
    database: str | None,
    *,
    dry_run: bool,
    force: bool,
    as_json: bool,
    progress: Progress,
) -> int:
    """Applies retention to one store.

    Returns 1 when something failed or needs attention; but 0 for mere attention on Cloud Run, where a run that failed
    is an alarm of its own: there it is events that say so.
    """
    settings = settings_with(backup_store=store_url)
    store, policy = open_store(settings.backup_store), policy_of(settings, force=force)
    if dry_run:
        outcome = preview(store, policy, database=database)
    else:
        log = event_log(settings, result_on_stdout=as_json)
        outcome = _clean(settings, log, store, policy, database, progress)
    if as_json:
        say_json(to_json(outcome, store.url, dry_run=dry_run))
    elif dry_run or not events_own_stdout(settings):
        say_outcome(outcome, dry_run=dry_run)
    else:
        say_lines("✗", outcome.errors)  # the first of them is in the event
    return 1 if outcome.failed or (outcome.attention and settings.cloud_run_job is None) else 0


def _clean(
    settings: Settings, log: EventLog, store: Store, policy: Policy, database: str | None, progress: Progress
) -> Outcome:
    """With an audit event for each backup as it goes, and one for the run."""
    began = monotonic()

    def tell(name: BackupName, why: str) -> None:
        about = {"database": name.database, "backup_id": name.id, "kind": name.kind}
        with audited(log, settings, "delete", store.url, **about, reason=why):
            pass  # by the time that this is told, it is gone

    with audited(log, settings, "cleanup", store.url, database=database) as deed:
        about: dict[str, Field] = {"store": store.url}
        with reported(lambda why: log.emit(Event.CLEANUP_FAILED, f"cleanup of {store.url} failed: {why}", about)):
            outcome = clean(store, policy, database=database, progress=progress, tell=tell)
        event = Event.CLEANUP_FAILED if outcome.failed else Event.CLEANUP_SUCCEEDED
        figures = _figures(outcome) | {"duration_seconds": round(monotonic() - began, 3), "store": store.url}
        log.emit(event, _in_a_line(outcome, store.url), figures)
        for line in outcome.attention[:FEW]:
            log.emit(Event.CLEANUP_ATTENTION, line, {"store": store.url, "database": database})
        deed.failed, deed.reason = outcome.failed, f"{len(outcome.deleted)} backups deleted"
    return outcome


def policy_of(settings: Settings, *, force: bool = False) -> Policy:
    """The policy that BACKUP_RETENTION, BACKUP_MIN_KEEP and ENVIRONMENT make."""
    lengths = {kind: settings.retention_of(kind) for kind in Kind}
    return Policy(lengths, settings.backup_min_keep, force)


def _in_a_line(outcome: Outcome, url: str) -> str:
    line = f"cleanup of {url}: {len(outcome.deleted)} backups deleted, {outcome.kept} kept"
    first = next(iter([*outcome.errors, *outcome.attention]), None)
    return f"{line}; {first}" if first else line


def _figures(outcome: Outcome) -> dict[str, Field]:
    return {
        "deleted": len(outcome.deleted),
        "kept": outcome.kept,
        "deleted_percent": outcome.deleted_percent,
        "freed_bytes": outcome.freed_bytes,
        "orphans": len(outcome.swept),
        "errors": len(outcome.errors),
        "attention": len(outcome.attention),
    }
