"""Takes the monitor's checkpoint of the audit trail, and returns the findings."""

from shared.audit.checkpoint import read_checkpoint
from shared.audit.recent import Problem, checkpoint_numbers
from shared.audit.take import CheckpointOptions, CheckpointTaken, take_checkpoint
from shared.clock import Clock
from shared.errors import LitekeepError, NotGood, ObjectMissing
from shared.events.log import Event, EventLog
from shared.keys.signing import open_signer
from shared.model.names import BackupName
from shared.monitor.finding import Finding
from shared.retention.inventory import Inventory
from shared.settings import Settings
from shared.statements.envelope import Signer
from shared.statements.public_key import PublicKey
from shared.stores import Store, open_store
from shared.terminal.notify import TRAIL, note_failure
from shared.terminal.remote import anchor_checkpoint
from shared.terminal.trail import OVERDUE, is_store
from shared.terminal.trail_keys import monitor_keys, policy_file
from shared.text import count

_MOST = 20  # findings of each kind


def checkpoint(settings: Settings, store: Store, inventory: Inventory, log: EventLog, clock: Clock) -> list[Finding]:
    """Takes a checkpoint, and returns what does not match earlier ones. A failed checkpoint is a finding too."""
    if not is_store(settings.backup_store):
        return []
    try:
        return _checkpoint(settings, store, inventory, log, clock)
    except (LitekeepError, OSError) as error:
        why = str(error) if isinstance(error, LitekeepError) else error.strerror or type(error).__name__
        return [Finding(Event.AUDIT_GAP, f"no checkpoint of the audit trail was taken: {why}", {"store": store.url})]


def _checkpoint(settings: Settings, store: Store, inventory: Inventory, log: EventLog, clock: Clock) -> list[Finding]:
    """Takes the checkpoint, or explains why this process cannot. Returns the findings."""
    mounted = policy_file(settings)
    keys = monitor_keys(settings)
    signer = None
    if mounted is not None and mounted.policy.monitor is not None:
        signer = _signer(settings, PublicKey.read(mounted.policy.monitor.key))
        if signer is None:
            return _unsigned(settings, store, keys, clock)
    options = CheckpointOptions(
        store=store,
        backups=frozenset(inventory.backups),
        leaving=frozenset(inventory.strays),
        copy=open_store(settings.backup_copy_store) if settings.backup_copy_store else None,
        signer=signer,
        keys=keys,
        policy=mounted.digest if mounted else None,
    )
    taken = take_checkpoint(options, clock)
    _emit_checkpoint(log, store, taken)
    note_failure(settings, TRAIL, None)
    unlogged = anchor_checkpoint(settings, taken.stored) if taken.stored else None
    return _findings(store, taken, unlogged)


def _emit_checkpoint(log: EventLog, store: Store, taken: CheckpointTaken) -> None:
    if taken.stored is None:
        return
    number, sha256 = taken.stored.checkpoint.number, taken.stored.sha256
    log.emit(
        Event.AUDIT_CHECKPOINT,
        f"checkpoint {number} of the audit trail of {store.url}: {count(taken.events, 'new event')}, sha256 {sha256}",
        {"store": store.url, "checkpoint": number, "sha256": sha256, "objects": taken.events},
    )


def _signer(settings: Settings, wanted: PublicKey) -> Signer | None:
    """Returns the key of BACKUP_SIGNING_KEY if it is the monitor's, else None. Raises KeyProblem."""
    if settings.backup_signing_key is None:
        return None
    signer = open_signer(settings.backup_signing_key)
    return signer if signer.public == wanted else None


def _unsigned(settings: Settings, store: Store, keys: list[PublicKey], clock: Clock) -> list[Finding]:
    """Returns a finding if no checkpoint is taken: always on Cloud Run, elsewhere if the newest one is overdue.

    A process without the monitor's key cannot take one.
    """
    why = "the policy names a monitor, and BACKUP_SIGNING_KEY is not its key"
    if settings.cloud_run_job is None:
        numbers = checkpoint_numbers(store)
        try:
            newest = read_checkpoint(store, numbers[-1], keys).checkpoint.taken_at if numbers else None
        except (NotGood, ObjectMissing):
            newest = None
        if newest is not None and clock() - newest < OVERDUE:
            return []
        why = "none is newer than three hours: check that the monitor runs with the key that the policy names"
    return [Finding(Event.AUDIT_GAP, f"no checkpoint of the audit trail was taken: {why}", {"store": store.url})]


def _findings(store: Store, taken: CheckpointTaken, unlogged: str | None) -> list[Finding]:
    found = [_vanished_finding(store, name) for name in list(taken.vanished)[:_MOST]]
    found += [_trail_finding(store, each) for each in taken.problems[:_MOST]]
    if taken.uncopied is not None:
        message = f"the copy store lacks the checkpoint of the audit trail: {taken.uncopied}"
        found.append(Finding(Event.AUDIT_GAP, message, {"store": store.url}))
    if unlogged is not None:
        message = f"Cloud Logging lacks the checkpoint of the audit trail: {unlogged}"
        found.append(Finding(Event.AUDIT_GAP, message, {"store": store.url}))
    return found


def _vanished_finding(store: Store, name: BackupName) -> Finding:
    message = (
        f"{name.id}, {name.kind} of {name.database}, is gone from {store.url} without its deletion in the audit trail: "
        "bring it back from the copy store or from what is soft-deleted, and find out who can delete there"
    )
    fields = {"database": name.database, "kind": name.kind.value, "backup_id": name.id, "store": store.url}
    return Finding(Event.MONITOR_BACKUP_VANISHED, message, fields)


def _trail_finding(store: Store, problem: Problem) -> Finding:
    message = f"audit trail of {store.url}: {problem.object} {problem.what}; see litekeep audit verify"
    return Finding(Event.AUDIT_GAP, message, {"store": store.url, "object": problem.object})
