"""Implements `litekeep keys`."""

from collections.abc import Callable

from shared.archive.wrapped_by import same_key
from shared.catalog.listing import Catalog
from shared.errors import KeyProblem, LitekeepError
from shared.keys import WrappingKey, open_key
from shared.operations.rekey.usage import KeyUsage, KeyUse, key_usage
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.screen import BAD, say, say_json, table
from shared.text import count

_LONGEST_IN_TABLE = 30  # characters of a key; with a longer one, such as of Cloud KMS, a table does not fit 80 columns


def run_keys(settings: Settings, *, as_json: bool, progress: Progress) -> None:
    """Shows the keys of each store. Raises StoreError if one cannot be read."""
    urls = [settings.backup_store, *([settings.backup_copy_store] if settings.backup_copy_store else [])]
    key = _key(settings)
    usages = [key_usage(Catalog(open_store(url)), key, progress=progress) for url in urls]
    configured = _name(key)
    if as_json:
        say_json({"configured": configured, "stores": [usage.to_json() for usage in usages]})
        return
    for usage in usages:
        _say(usage, configured)


def _key(settings: Settings) -> Callable[[], WrappingKey] | None:
    """Returns a function that opens the configured key; None if it is `none` or not available.

    Without it, re-wrappings are not checked.
    """

    def opened() -> WrappingKey:
        key = open_key(settings.backup_key)
        if key is None:
            raise KeyProblem("BACKUP_KEY is none")
        return key

    try:
        opened()
    except LitekeepError:
        return None
    return opened


def _name(key: Callable[[], WrappingKey] | None) -> str | None:
    return None if key is None else key().name


def _say(usage: KeyUsage, configured: str | None) -> None:
    """Prints the keys of one store as a table, and remarks."""
    say(f"{usage.store}:")
    if usage.keys:
        rows = [_row(usage.keys[key], configured) for key in sorted(usage.keys)]
        if any(len(row[0]) > _LONGEST_IN_TABLE for row in rows):
            _say_lines(rows)
        else:
            table(("key", "wraps", "lost with it", "needed until", ""), rows, right=frozenset({1, 2}))
    else:
        say("  no encrypted backups")
    if usage.in_clear:
        say(f"{count(usage.in_clear, 'backup is', 'backups are')} in clear: no key is needed")
    if usage.erasures:
        say(f"The list of erasures, which every restore needs, is under {', '.join(usage.erasures)}")
    if usage.unchecked:
        backups = count(len(usage.unchecked), "backup has", "backups have")
        ignored = f"{backups} re-wrappings that could not be checked and are ignored"
        say(f"{BAD} {ignored}: set BACKUP_KEY to a key that opens them")
    for name, why in usage.unreadable.items():
        say(f"{BAD} {name}: {why}")


def _say_lines(rows: list[tuple[str, str, str, str, str]]) -> None:
    for key, wraps, lost, until, mark in rows:
        say(f"{key}, {mark}" if mark else key)
        say(f"  wraps {wraps}, lost with it: {lost}, needed until: {until}")


def _row(use: KeyUse, configured: str | None) -> tuple[str, str, str, str, str]:
    until = f"{use.needed_until:%Y-%m-%d}" if use.needed_until else "not needed"
    if use.held:
        until = f"{until}, {use.held} held"
    mark = "BACKUP_KEY" if configured is not None and same_key(use.key, configured) else ""
    return use.key, str(use.backups), str(len(use.only)), until, mark
