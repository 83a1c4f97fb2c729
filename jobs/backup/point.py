"""Runs one cycle of continuous backups, and emits its events."""

from jobs.backup.one import Made, Skipped, copied, figures, prove_backup
from shared.errors import NotGood
from shared.events.log import Event, EventLog, Field
from shared.model.manifest import Manifest
from shared.operations.backup.options import BackupOptions
from shared.operations.continuous.cycle import Memory, Quiet, run_cycle
from shared.runtime.progress import Progress, silent
from shared.settings import Settings
from shared.terminal.audit import audited
from shared.text import count


def back_up_point(
    options: BackupOptions,
    settings: Settings,
    log: EventLog,
    *,
    memory: Memory | None = None,
    prove: bool = False,
    progress: Progress = silent,
) -> Made | Skipped:
    """Takes a point, or records that nothing was written.

    Raises LitekeepError or OSError after the events are sent.
    """
    database = options.location.database
    audit = audited(log, settings, "backup", options.store.url, database=database, kind=options.kind.value)
    with audit as operation:
        with operation.step(Event.BACKUP_FAILED, f"backup of {database} failed"):
            taken = run_cycle(options, memory, progress=progress)
            if isinstance(taken, Quiet):
                operation.backup_id = taken.point.id
                operation.nothing_done = True
            else:
                operation.backup_id = taken.manifest.id
                proof = prove_backup(options, taken.manifest, progress) if prove else None
                copied(taken, options)
        if isinstance(taken, Quiet):
            message = f"{database} was not backed up: nothing was written since {taken.point.id}"
            operation.emit(Event.BACKUP_SKIPPED, message, {"reason": "unchanged"})
            return Skipped("unchanged", taken.point.id)
        manifest = taken.manifest
        message = f"backup {manifest.id} of {database}, {_kind_of_point(manifest)}"
        operation.emit(Event.BACKUP_SUCCEEDED, message, figures(taken) | _changes(manifest))
        return Made(options, taken, proof)


def _kind_of_point(manifest: Manifest) -> str:
    chain = manifest.chain
    if chain is None or chain.parent is None:
        return "a base"
    return f"{count(chain.changed_pages, 'page')} on {chain.parent}"


def _changes(manifest: Manifest) -> dict[str, Field]:
    if manifest.chain is None:
        raise NotGood(f"{manifest.id} is not a point of a chain")
    changed = manifest.chain.changed_pages
    return {"changed_pages": changed, "changed_bytes": changed * manifest.sqlite.page_size}
