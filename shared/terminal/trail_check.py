"""Checks the audit trail of BACKUP_STORE against the policy, the copy store and Cloud Logging."""

from datetime import datetime

from shared.audit.anchors import Anchor, copy_anchor
from shared.audit.check import CheckOptions, Report, check_trail
from shared.clock import Clock, utc_now
from shared.runtime.progress import Progress, silent
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.log_anchor import logged_checkpoints
from shared.terminal.trail_keys import monitor_keys, policy_file


def checked_trail(
    settings: Settings,
    since: datetime | None,
    *,
    store: Store | None = None,
    progress: Progress = silent,
    clock: Clock = utc_now,
) -> Report:
    """Checks the trail from `since` on, or all of it. `store` replaces the client of BACKUP_STORE.

    Raises StoreError if a store cannot be read.
    """
    policy = policy_file(settings)
    must_sign = policy is not None and policy.policy.monitor is not None
    wanted = CheckOptions(monitor_keys(settings), must_sign=must_sign, since=since)
    store = store or open_store(settings.backup_store)
    report = check_trail(store, wanted, _anchors(settings), progress=progress, clock=clock)
    if not settings.backup_copy_store and not settings.backup_events:
        report.notes.append(
            "neither BACKUP_COPY_STORE nor BACKUP_EVENTS is set: a removed end of the trail would not be noticed"
        )
    if not must_sign:
        report.notes.append(
            "no policy names a monitor: checkpoints are not signed, so anyone who can delete them can forge others"
        )
    return report


def _anchors(settings: Settings) -> list[Anchor]:
    found = [copy_anchor(open_store(settings.backup_copy_store))] if settings.backup_copy_store else []
    logged = logged_checkpoints(settings)
    return found if logged is None else [*found, logged]
