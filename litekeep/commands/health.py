"""`litekeep health`"""

from collections.abc import Callable
from dataclasses import dataclass

import click

from shared.archive.data_key import DataKey
from shared.databases.snapshot import check_readable
from shared.errors import LitekeepError
from shared.kinds import Kind
from shared.names import BackupName
from shared.settings import Settings
from shared.stores import open_store
from shared.stores.probe import probe
from shared.terminal.options import common, settings_with, store
from shared.terminal.parts import key_of, source_of
from shared.terminal.screen import BAD, GOOD, say, say_json


@dataclass(frozen=True)
class _Finding:
    name: str
    ok: bool
    detail: str


@click.command()
@store
@common
def health(as_json: bool, store: str | None) -> int:
    """Check source, store and key: reachable, readable, writable, in order; a line each.

    Exits with 1 when one of them is not.

    \b
    Example:
      litekeep health
    """
    settings = settings_with(backup_store=store)
    findings = [
        _check("source", lambda: _source(settings)),
        _check("store", lambda: _store(settings.backup_store)),
    ]
    if settings.backup_copy_store:
        copy = settings.backup_copy_store
        findings.append(_check("copy store", lambda: _store(copy)))
    findings.append(_check("key", lambda: _key(settings)))
    if as_json:
        say_json([{"name": found.name, "ok": found.ok, "detail": found.detail} for found in findings])
    else:
        for found in findings:
            say(f"{GOOD if found.ok else BAD} {found.name:<10} {found.detail}")
    return 0 if all(found.ok for found in findings) else LitekeepError.exit_code


def _check(name: str, look: Callable[[], str]) -> _Finding:
    try:
        return _Finding(name, ok=True, detail=look())
    except LitekeepError as error:
        return _Finding(name, ok=False, detail=str(error))


def _source(settings: Settings) -> str:
    location = source_of(settings)
    return f"{location.display}: {check_readable(location)}"


def _store(url: str) -> str:
    opened = open_store(url)
    probe(opened)
    return f"{opened.url}: listed, written, removed"


def _key(settings: Settings) -> str:
    """Wraps and unwraps a fresh data key, as a backup and a restore would."""
    key = key_of(settings)
    if key is None:
        return "none: backups are NOT encrypted"
    name = BackupName(Kind.ON_DEMAND, "health", "health")
    DataKey.unwrap(DataKey.generate().wrap(key, name), key, name)
    return f"{key.name}: wraps and unwraps"
