"""Implements `litekeep rekey`."""

from time import monotonic
from typing import Any

from shared.errors import LitekeepError, UsageError
from shared.events.log import Event, EventLog, Field
from shared.keys import WrappingKey, open_key
from shared.model.kinds import Kind
from shared.operations.copy import check_apart
from shared.operations.rekey.run import Rekeyed, RekeyOptions, rekey
from shared.runtime.progress import Progress
from shared.settings import Settings, check_key
from shared.stores import Store, open_store
from shared.terminal.audit import audited
from shared.terminal.more_flags import RekeyFlags
from shared.terminal.parts import event_log, events_own_stdout
from shared.terminal.policy import check_other_key
from shared.terminal.screen import BAD, say, say_json
from shared.text import count

_PATIENCE = 600.0  # seconds that a call to Cloud KMS may wait for quota


def run_rekey(settings: Settings, flags: RekeyFlags, *, as_json: bool, progress: Progress) -> int:
    """Re-wraps the backups of the store, then of the copy store. Returns 1 if one could not be re-wrapped, else 0."""
    to = _checked(settings, flags.to)
    _opened(settings.backup_key), _opened(to)  # reports a missing key file before anything is done
    stores = [open_store(settings.backup_store)]
    if settings.backup_copy_store:
        check_apart(settings.backup_store, settings.backup_copy_store)
        stores.append(open_store(settings.backup_copy_store))
    log = event_log(settings, result_on_stdout=as_json)
    results: list[tuple[Store, Rekeyed]] = []
    for place in stores:
        options = RekeyOptions(
            place,
            old=lambda: _opened(settings.backup_key),
            new=lambda: _opened(to),
            kind=Kind(flags.kind) if flags.kind else None,
            database=flags.database,
            dry_run=flags.dry_run,
            twin=stores[0] if place is not stores[0] else None,
        )
        run = rekey(options, progress=progress) if options.dry_run else _audited(options, settings, log, to, progress)
        results.append((place, run))
    if as_json:
        say_json({"to": results[0][1].key, "stores": [_document(place, done) for place, done in results]})
    elif not events_own_stdout(settings):
        _say(results, to, dry_run=flags.dry_run)
    return LitekeepError.exit_code if any(done.failed for _, done in results) else 0


def _audited(options: RekeyOptions, settings: Settings, log: EventLog, to: str, progress: Progress) -> Rekeyed:
    url, began = options.store.url, monotonic()
    with audited(log, settings, "rekey", url, database=options.database, reason=f"to {to}") as operation:
        operation.about = {"store": url}
        done = rekey(options, progress=progress)
        if done.failed:
            first, why = next(iter(done.failed.items()))
            operation.failed, operation.reason = (
                True,
                f"{count(len(done.failed), 'backup was', 'backups were')} not re-wrapped, the first {first}: {why}",
            )
            return done
        figures: dict[str, Field] = {"target": done.key, "rewrapped": len(done.done)}
        figures["duration_seconds"] = round(monotonic() - began, 3)
        operation.emit(
            Event.REKEY_SUCCEEDED, f"{count(len(done.done), 'backup')} in {url} re-wrapped by {done.key}", figures
        )
    return done


def _checked(settings: Settings, to: str) -> str:
    try:
        check_key(to)
    except ValueError as error:
        raise UsageError(f"--to is wrong: {error}") from None
    if "none" in (to, settings.backup_key):
        raise UsageError(
            "a backup in clear has no data key to wrap: set --to to the new key and BACKUP_KEY to the old one"
        )
    if to == settings.backup_key and to.startswith("file:"):
        raise UsageError("--to and BACKUP_KEY name the same key: make a new one with litekeep keygen PATH")
    check_other_key(settings, to)
    return to


def _opened(setting: str) -> WrappingKey:
    key = open_key(setting, patience=_PATIENCE)
    assert key is not None, "none is refused above"
    return key


def _document(place: Store, done: Rekeyed) -> dict[str, Any]:
    return {
        "store": place.url,
        "rewrapped": [name.id for name in done.done],
        "already": done.already,
        "in_clear": done.in_clear,
        "failed": done.failed,
    }


def _say(results: list[tuple[Store, Rekeyed]], to: str, *, dry_run: bool) -> None:
    for place, done in results:
        for name, why in done.failed.items():
            say(f"{BAD} {name}: {why}")
        verb = "Would re-wrap" if dry_run else "Re-wrapped"
        others = (
            count(done.already, "was already", "were already"),
            count(done.in_clear, "is in clear", "are in clear"),
        )
        rest = ", ".join(each for each in others if not each.startswith("0 "))
        say(f"{verb} {count(len(done.done), 'backup')} in {place.url}{f'; {rest}' if rest else ''}")
    if dry_run:
        say("Nothing was written.")
        return
    say(f"Now set BACKUP_KEY={to} wherever backups are made and restored. The old key still opens what it wrapped:")
    say("keep it until litekeep keys shows 0 backups lost with it.")
