"""The cleanup job: applies retention to the store and the copy store, and reports the result."""

from dataclasses import dataclass
from time import monotonic

from jobs.cleanup.report import FEW, Cleaned, say_errors, say_outcomes, to_json
from shared.approvals.actions import Action, Value
from shared.clock import utc_now
from shared.errors import LitekeepError, StoreError, UsageError
from shared.events.log import Event, EventLog, Field
from shared.keys import WrappingKey
from shared.model.names import BackupName
from shared.operations.copy import check_apart
from shared.retention.cleanup import clean, preview
from shared.retention.other_store import OtherStore, view_of_copy_store, view_of_main_store
from shared.retention.outcome import Outcome
from shared.retention.plan import RetentionPolicy
from shared.retention.rule_change import record_applied, refuse_shorter, show_shorter
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.approvals import check_alone, emit_break_glass, permit_of
from shared.terminal.audit import audited
from shared.terminal.endings import reported
from shared.terminal.options import settings_with
from shared.terminal.parts import event_log, events_own_stdout, seal_key_of
from shared.terminal.retention import retention_policy
from shared.terminal.screen import say_json
from shared.text import count


@dataclass(frozen=True)
class CleanupFlags:
    """The flags of a cleanup. With a `request`, database and force come from that request."""

    database: str | None
    dry_run: bool = False
    force: bool = False
    request: str | None = None


def run_cleanup(store_url: str | None, wanted: CleanupFlags, *, as_json: bool, progress: Progress) -> int:
    """Applies retention to the store, and then to the copy store.

    Returns 1 if something failed or needs attention, else 0. On Cloud Run it returns 1 only for failures, because a
    failed run raises an alert; events report the rest. A copy store that cannot be read is a failure, reported after
    the main store is cleaned.
    """
    settings = settings_with(backup_store=store_url)
    copy_url = settings.backup_copy_store
    if copy_url:
        check_apart(settings.backup_store, copy_url)
    dry_run = wanted.dry_run
    log = None if dry_run else event_log(settings, result_on_stdout=as_json)
    database, force = _permitted(settings, wanted, log)
    job = _Job(settings, log, retention_policy(settings, force=force), database, progress)
    done = job.clean_stores(open_store(settings.backup_store), open_store(copy_url) if copy_url else None)
    if as_json:
        say_json(to_json(done, dry_run=dry_run))
    elif dry_run or not events_own_stdout(settings):
        say_outcomes(done, dry_run=dry_run)
    else:
        say_errors(done)  # the event has only the first
    attention = any(each.outcome.attention for each in done if each.outcome) and settings.cloud_run_job is None
    return 1 if attention or any(each.failed for each in done) else 0


@dataclass(frozen=True)
class _Job:
    """A cleanup run. A dry run has no `log`."""

    settings: Settings
    log: EventLog | None
    policy: RetentionPolicy
    database: str | None
    progress: Progress

    def clean_stores(self, store: Store, copy: Store | None) -> list[Cleaned]:
        """Cleans the main store first: the copy store keeps every backup that stays there. Raises its StoreError."""
        if self.log is not None:
            self._refuse_shorter(self.log, store)
        beside, copy_error = None, None
        if copy is not None:
            try:
                beside = view_of_copy_store(copy)
            except LitekeepError as error:
                copy_error = error
        main = self._clean(store, beside)
        self._keep_rules(store, main)
        done = [Cleaned(store.url, main)]
        if copy is not None:
            gone = main.to_delete if self.log is None else main.deleted
            try:
                done.append(Cleaned(copy.url, self._clean(copy, view_of_main_store(store, main, gone), copy_error)))
            except LitekeepError as error:
                done.append(Cleaned(copy.url, None, f"the copy store {copy.url} was not cleaned: {error}"))
        return done

    def _refuse_shorter(self, log: EventLog, store: Store) -> None:
        about: dict[str, Field] = {"store": store.url}
        with reported(lambda why: log.emit(Event.CLEANUP_FAILED, f"cleanup of {store.url} refused: {why}", about)):
            try:
                refuse_shorter(store, self.policy, utc_now)
            except LitekeepError:
                with audited(log, self.settings, "cleanup", store.url, database=self.database):
                    raise

    def _keep_rules(self, store: Store, main: Outcome) -> None:
        """Records the rules that were applied, for the next cleanup. A dry run reports rules that delete sooner."""
        try:
            if self.log is not None:
                record_applied(store, self.policy, utc_now)
            elif (shorter := show_shorter(store, self.policy, utc_now)) is not None:
                main.attention.insert(0, shorter)
        except StoreError as error:
            main.attention.append(f"the rules of this cleanup could not be recorded: {error}")

    def _clean(self, store: Store, other_store: OtherStore | None, error: LitekeepError | None = None) -> Outcome:
        """Cleans a store, or previews it. Raises `error`, that of an earlier read of the store, instead of retrying."""
        if self.log is not None:
            return self._clean_and_report(self.log, store, other_store, error)
        if error is not None:
            raise error
        return preview(store, self.policy, database=self.database, other_store=other_store, open_key=self._open_key)

    def _open_key(self) -> WrappingKey | None:
        return seal_key_of(self.settings)

    def _clean_and_report(
        self, log: EventLog, store: Store, other_store: OtherStore | None, error: LitekeepError | None
    ) -> Outcome:
        """Cleans a store, with an audit event for each deleted backup and one for the run."""
        began, settings, database = monotonic(), self.settings, self.database

        def audit_deletion(name: BackupName, why: str) -> None:
            about = {"database": name.database, "backup_id": name.id, "kind": name.kind}
            with audited(log, settings, "delete", store.url, **about, reason=why):
                pass  # the backup is deleted already

        with audited(log, settings, "cleanup", store.url, database=database) as operation:
            operation.about = {"store": store.url}
            with operation.step(Event.CLEANUP_FAILED, f"cleanup of {store.url} failed"):
                if error is not None:
                    raise error
                outcome = clean(
                    store,
                    self.policy,
                    database=database,
                    progress=self.progress,
                    on_deleted=audit_deletion,
                    other_store=other_store,
                    open_key=self._open_key,
                )
            event = Event.CLEANUP_FAILED if outcome.failed else Event.CLEANUP_SUCCEEDED
            figures = _figures(outcome) | {"duration_seconds": round(monotonic() - began, 3)}
            operation.emit(event, _summary_line(outcome, store.url), figures)
            for line in outcome.attention[:FEW]:
                operation.emit(Event.CLEANUP_ATTENTION, line, {"database": database})
            operation.failed, operation.reason = outcome.failed, f"{count(len(outcome.deleted), 'backup')} deleted"
        return outcome


def cleanup_plan(settings: Settings, database: str | None) -> dict[str, Value]:
    """Returns the plan of a forced cleanup: its rules, which the approval is bound to."""
    policy = retention_policy(settings)
    lengths = sorted(f"{kind.value}={length.total_seconds() / 86400:g}d" for kind, length in policy.lengths.items())
    return {"force": True, "database": database, "min_keep": policy.min_keep, "retention": lengths}


def _permitted(settings: Settings, wanted: CleanupFlags, log: EventLog | None) -> tuple[str | None, bool]:
    """Returns database and force of the flags or of the approved request. Raises NotPermitted, UsageError."""
    if wanted.request is None:
        if wanted.force and log is not None:
            check_alone(settings, ["cleanup_force"], "cleanup --force", "litekeep request cleanup --reason R")
        return wanted.database, wanted.force
    if wanted.force or wanted.database:
        raise UsageError("--request defines the whole cleanup: only --dry-run and --store go with it")
    permit = permit_of(settings, wanted.request, Action.CLEANUP)
    named = permit.request.plan.get("database")
    database = named if isinstance(named, str) else None
    plan = cleanup_plan(settings, database)
    permit.check(plan)
    if log is not None:
        permit.redeem(plan)
        emit_break_glass(log, permit, settings.backup_store)
    return database, True


def _summary_line(outcome: Outcome, url: str) -> str:
    line = f"cleanup of {url}: {count(len(outcome.deleted), 'backup')} deleted, {outcome.kept} kept"
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
