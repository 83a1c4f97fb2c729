"""The cleanup job: settings and flags in, one report out, and the events of a run that was meant to delete."""

from dataclasses import dataclass
from time import monotonic

from jobs.cleanup.report import FEW, Cleaned, say_errors, say_outcomes, to_json
from shared.approvals.documents import Action, Value
from shared.clock import utc_now
from shared.errors import LitekeepError, StoreError, UsageError
from shared.events.log import Event, EventLog, Field
from shared.keys import WrappingKey
from shared.model.names import BackupName
from shared.operations.copy import check_apart
from shared.retention import Outcome, clean, preview
from shared.retention.elsewhere import Elsewhere, seen_from_copy, seen_from_main
from shared.retention.plan import RetentionPolicy
from shared.retention.rule_change import record_applied, refuse_shorter, show_shorter
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.approvals import check_alone, permit_of, tell_break_glass
from shared.terminal.audit import audited
from shared.terminal.endings import reported
from shared.terminal.options import settings_with
from shared.terminal.parts import event_log, events_own_stdout, looking_key_of
from shared.terminal.retention import retention_policy
from shared.terminal.screen import say_json
from shared.text import count


@dataclass(frozen=True)
class CleanupFlags:
    """What the flags ask for. With a `request` it is what two persons have agreed on."""

    database: str | None
    dry_run: bool = False
    force: bool = False
    request: str | None = None


def run_cleanup(store_url: str | None, wanted: CleanupFlags, *, as_json: bool, progress: Progress) -> int:
    """Applies retention to the store, and then to the copy store.

    Returns 1 when something failed or needs attention; but 0 for mere attention on Cloud Run, where a run that failed
    is an alarm of its own: there it is events that say so. A copy store that cannot be looked at fails, last of all.
    """
    settings = settings_with(backup_store=store_url)
    copy_url = settings.backup_copy_store
    if copy_url:
        check_apart(settings.backup_store, copy_url)
    dry_run = wanted.dry_run
    log = None if dry_run else event_log(settings, result_on_stdout=as_json)
    database, force = _permitted(settings, wanted, log)
    job = _Job(settings, log, retention_policy(settings, force=force), database, progress)
    done = job.both(open_store(settings.backup_store), open_store(copy_url) if copy_url else None)
    if as_json:
        say_json(to_json(done, dry_run=dry_run))
    elif dry_run or not events_own_stdout(settings):
        say_outcomes(done, dry_run=dry_run)
    else:
        say_errors(done)  # the first of them is in the event
    attention = any(each.outcome.attention for each in done if each.outcome) and settings.cloud_run_job is None
    return 1 if attention or any(each.failed for each in done) else 0


@dataclass(frozen=True)
class _Job:
    """A run; a dry one has no `log`."""

    settings: Settings
    log: EventLog | None
    policy: RetentionPolicy
    database: str | None
    progress: Progress

    def both(self, store: Store, copy: Store | None) -> list[Cleaned]:
        """The main store goes first: the copy store never loses what stays there. Raises StoreError of the main one."""
        if self.log is not None:
            self._refuse_shorter(self.log, store)
        beside, silence = None, None
        if copy is not None:
            try:
                beside = seen_from_main(copy)
            except LitekeepError as error:
                silence = error
        main = self._clean(store, beside)
        self._keep_rules(store, main)
        done = [Cleaned(store.url, main)]
        if copy is not None:
            gone = main.going if self.log is None else main.deleted
            try:
                done.append(Cleaned(copy.url, self._clean(copy, seen_from_copy(store, main, gone), silence)))
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
        """Tells of rules that delete sooner than before, or keeps those that were applied for the next cleanup."""
        try:
            if self.log is not None:
                record_applied(store, self.policy, utc_now)
            elif (shorter := show_shorter(store, self.policy, utc_now)) is not None:
                main.attention.insert(0, shorter)
        except StoreError as error:
            main.attention.append(f"the rules of this cleanup could not be recorded: {error}")

    def _clean(self, store: Store, elsewhere: Elsewhere | None, silence: LitekeepError | None = None) -> Outcome:
        """Raises `silence`, which is why the store was not to be looked at a moment ago, rather than wait again."""
        if self.log is not None:
            return self._clean_and_tell(self.log, store, elsewhere, silence)
        if silence is not None:
            raise silence
        return preview(store, self.policy, database=self.database, elsewhere=elsewhere, open_key=self._open_key)

    def _open_key(self) -> WrappingKey | None:
        return looking_key_of(self.settings)

    def _clean_and_tell(
        self, log: EventLog, store: Store, elsewhere: Elsewhere | None, silence: LitekeepError | None
    ) -> Outcome:
        """With an audit event for each backup as it goes, and one for the run."""
        began, settings, database = monotonic(), self.settings, self.database

        def tell(name: BackupName, why: str) -> None:
            about = {"database": name.database, "backup_id": name.id, "kind": name.kind}
            with audited(log, settings, "delete", store.url, **about, reason=why):
                pass  # by the time that this is told, it is gone

        with audited(log, settings, "cleanup", store.url, database=database) as deed:
            deed.about = {"store": store.url}
            with deed.step(Event.CLEANUP_FAILED, f"cleanup of {store.url} failed"):
                if silence is not None:
                    raise silence
                outcome = clean(
                    store,
                    self.policy,
                    database=database,
                    progress=self.progress,
                    tell=tell,
                    elsewhere=elsewhere,
                    open_key=self._open_key,
                )
            event = Event.CLEANUP_FAILED if outcome.failed else Event.CLEANUP_SUCCEEDED
            figures = _figures(outcome) | {"duration_seconds": round(monotonic() - began, 3)}
            deed.emit(event, _in_a_line(outcome, store.url), figures)
            for line in outcome.attention[:FEW]:
                deed.emit(Event.CLEANUP_ATTENTION, line, {"database": database})
            deed.failed, deed.reason = outcome.failed, f"{count(len(outcome.deleted), 'backup')} deleted"
        return outcome


def cleanup_plan(settings: Settings, database: str | None) -> dict[str, Value]:
    """Returns the rules by which a forced cleanup deletes; its approval is checked against them."""
    policy = retention_policy(settings)
    lengths = sorted(f"{kind.value}={length.total_seconds() / 86400:g}d" for kind, length in policy.lengths.items())
    return {"force": True, "database": database, "min_keep": policy.min_keep, "retention": lengths}


def _permitted(settings: Settings, wanted: CleanupFlags, log: EventLog | None) -> tuple[str | None, bool]:
    """The database and the force that are meant, once that is allowed. Raises NotPermitted."""
    if wanted.request is None:
        if wanted.force and log is not None:
            check_alone(settings, ["cleanup_force"], "cleanup --force", "litekeep request cleanup --reason R")
        return wanted.database, wanted.force
    if wanted.force or wanted.database:
        raise UsageError("--request says all that is to be done: beside it only --dry-run and --store go")
    permit = permit_of(settings, wanted.request, Action.CLEANUP)
    named = permit.request.plan.get("database")
    database = named if isinstance(named, str) else None
    plan = cleanup_plan(settings, database)
    permit.check(plan)
    if log is not None:
        permit.redeem(plan)
        tell_break_glass(log, permit, settings.backup_store)
    return database, True


def _in_a_line(outcome: Outcome, url: str) -> str:
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
