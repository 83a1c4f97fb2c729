"""Implements `litekeep copy`."""

from time import monotonic
from typing import Any

from shared.catalog.listing import LATEST, LATEST_VERIFIED, Catalog
from shared.errors import LitekeepError, UsageError
from shared.events.log import Event
from shared.operations.copy import Copied, check_apart, copy_backups
from shared.runtime.progress import Progress
from shared.settings import Settings, check_store
from shared.stores import open_store
from shared.terminal.audit import audited
from shared.terminal.more_flags import CopyFlags
from shared.terminal.parts import database_of, event_log, events_own_stdout
from shared.terminal.policy import check_other_store
from shared.terminal.screen import BAD, say, say_json
from shared.text import count, size


def run_copy(settings: Settings, flags: CopyFlags, *, as_json: bool, progress: Progress) -> int:
    """Copies the backups that the flags select. Returns 1 if one could not be copied, else 0."""
    target_url = _target(settings, flags)
    if flags.ref and flags.missing:
        raise UsageError("--backup and --missing exclude each other: give one")
    catalog, target = Catalog(open_store(settings.backup_store)), open_store(target_url)
    log = event_log(settings, result_on_stdout=as_json)
    began = monotonic()
    with audited(log, settings, "copy", f"{catalog.store.url} to {target.url}", database=flags.database) as operation:
        operation.about = {"store": target.url}
        with operation.step(Event.COPY_FAILED, f"copy to {target.url} failed"):
            done = copy_backups(catalog.store, target, _chosen(catalog, settings, flags), progress=progress)
        if done.failed:
            first, why = next(iter(done.failed.items()))
            operation.failed, operation.reason = True, f"{first}: {why}"
            failed = count(len(done.failed), "backup was", "backups were")
            message = f"{failed} not copied to {target.url}, the first {first}: {why}"
            operation.emit(Event.COPY_FAILED, message, {"missing": len(done.failed)})
        else:
            figures = {"copied": len(done.backups), "size_bytes": done.size_bytes}
            seconds = round(monotonic() - began, 3)
            message = f"{count(len(done.backups), 'backup was', 'backups were')} copied to {target.url}"
            operation.emit(Event.COPY_SUCCEEDED, message, figures | {"duration_seconds": seconds})
    if as_json:
        say_json({"to": target.url, "copied": done.backups, "size_bytes": done.size_bytes, "failed": done.failed})
    elif not events_own_stdout(settings):
        _say(done, target.url)
    return LitekeepError.exit_code if done.failed else 0


def _target(settings: Settings, flags: CopyFlags) -> str:
    url = flags.to or settings.backup_copy_store
    if not url:
        raise UsageError("--to is missing, and BACKUP_COPY_STORE is not set: name the store to copy to")
    what = "--to" if flags.to else "BACKUP_COPY_STORE"
    try:
        check_store(url)
    except ValueError as error:
        raise UsageError(f"{what} is wrong: {error}") from None
    check_apart(settings.backup_store, url, what)
    check_other_store(settings, url, what)
    return str(url)


def _chosen(catalog: Catalog, settings: Settings, flags: CopyFlags) -> list[Any] | None:
    if flags.ref:
        latest = flags.ref in (LATEST, LATEST_VERIFIED)
        return [catalog.find(flags.ref, flags.database or (database_of(settings) if latest else None))]
    return catalog.backups(database=flags.database) if flags.database else None


def _say(done: Copied, url: str) -> None:
    for backup_id, why in done.failed.items():
        say(f"{BAD} {backup_id}: {why}")
    objects = f"{count(done.objects, 'object')}, {size(done.size_bytes)}"
    say(f"Copied {count(len(done.backups), 'backup')} to {url}: {objects}")
