"""`litekeep health`"""

from collections.abc import Callable
from dataclasses import dataclass

import click

from shared.archive.data_key import DataKey
from shared.clock import utc_now
from shared.databases.snapshot import check_readable
from shared.errors import LitekeepError
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.settings import Settings
from shared.sqlitecloud.location import CloudLocation
from shared.stores import open_store
from shared.stores.probe import probe
from shared.terminal.approvals import desk_of
from shared.terminal.options import common, settings_with, store
from shared.terminal.parts import key_of, source_of
from shared.terminal.policy import policy_of
from shared.terminal.screen import BAD, GOOD, UNKNOWN, say, say_json

_SIGNS = {True: GOOD, False: BAD, None: UNKNOWN}


@dataclass(frozen=True)
class _Finding:
    """`ok` None: not known, or not needed."""

    name: str
    ok: bool | None
    detail: str


@click.command()
@click.option("--restores", is_flag=True, help="Of a SQLite Cloud login, also require what restores there need.")
@store
@common
def health(as_json: bool, restores: bool, store: str | None) -> int:
    """Check source, store and key: reachable, readable, writable, in order; a line each.

    Of SQLite Cloud also TLS, the login, the database, and each privilege. Exits with 1 when something is not as it
    should be.

    \b
    Examples:
      litekeep health
      litekeep health --restores
    """
    settings = settings_with(backup_store=store)
    findings = _of_source(settings, restores=restores)
    findings.append(_check("store", lambda: _store(settings.backup_store)))
    if settings.backup_copy_store:
        copy = settings.backup_copy_store
        findings.append(_check("copy store", lambda: _store(copy)))
    findings.append(_check("key", lambda: _key(settings)))
    findings.append(_approvals(settings))
    if as_json:
        say_json([{"name": found.name, "ok": found.ok, "detail": found.detail} for found in findings])
    else:
        width = max(10, *(len(found.name) for found in findings))
        for found in findings:
            say(f"{_SIGNS[found.ok]} {found.name:<{width}} {found.detail}")
    return LitekeepError.exit_code if any(found.ok is False for found in findings) else 0


def _check(name: str, look: Callable[[], str]) -> _Finding:
    try:
        return _Finding(name, ok=True, detail=look())
    except LitekeepError as error:
        return _Finding(name, ok=False, detail=str(error))


def _of_source(settings: Settings, *, restores: bool) -> list[_Finding]:
    try:
        location = source_of(settings)
    except LitekeepError as error:
        return [_Finding("source", ok=False, detail=str(error))]
    if not isinstance(location, CloudLocation):
        return [_check("source", lambda: f"{location.display}: {check_readable(location)}")]
    from shared.sqlitecloud.health import check  # noqa: PLC0415 - files need no driver

    looked = check(location.address, location.database, utc_now(), restores=restores)
    return [_Finding(found.name, found.ok, found.detail) for found in looked]


def _approvals(settings: Settings) -> _Finding:
    """Whether two persons can restore over live data, and whether the policy is the one that the stores have seen."""
    policy = policy_of(settings)
    if policy is None or not policy.people:
        why = "no policy file names people, so nothing is restored over production; see docs/approvals.md"
        return _Finding("approvals", ok=None, detail=f"not in force: {why}")

    def look() -> str:
        desk_of(settings)
        return f"in force: {len(policy.people)} people, {'with' if policy.break_glass else 'no'} break glass"

    return _check("approvals", look)


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
