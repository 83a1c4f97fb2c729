"""Typed flags of the commands that have many. A flag that was not given has its default value."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class BackupFlags:
    name: str | None = None
    kind: str | None = None
    formats: tuple[str, ...] = ()
    copy_to: str | None = None
    upload_gcs: bool = False
    bucket: str | None = None
    note: str | None = None
    skip_unchanged: bool = False
    allow_corrupt: bool = False
    store: str | None = None


@dataclass(frozen=True, kw_only=True)
class VerifyFlags:
    ref: str | None = None
    every: bool = False
    since: str | None = None
    again: bool = False
    file: str | None = None
    database: str | None = None
    store: str | None = None


@dataclass(frozen=True, kw_only=True)
class RestoreFlags:
    """Flags of `restore`, `request restore`, `native restore` and the console's form. `prove` may be `full`."""

    ref: str | None = None
    at: str | None = None
    to: str | None = None
    in_place: bool = False
    prove: str | bool | None = None
    schema_only: bool = False
    tables: tuple[str, ...] = ()
    upload_replace: bool = False
    native: bool = False
    or_older: bool = False
    nearest: bool = False
    migrations: str | None = None
    request: str | None = None
    without_erasures: bool = False
    absent: tuple[str, ...] = ()
    check: bool = False
    dry_run: bool = False
    database: str | None = None
    store: str | None = None


@dataclass(frozen=True, kw_only=True)
class RowsFlags:
    """Flags of `rows restore` and `request rows`."""

    ref: str | None = None
    at: str | None = None
    table: str | None = None
    where: str | None = None
    keys: Path | None = None
    to: str | None = None
    triggers: str = "off"
    values: bool = False
    request: str | None = None
    dry_run: bool = False
    database: str | None = None
    store: str | None = None


@dataclass(frozen=True, kw_only=True)
class CopyFlags:
    to: str | None = None
    ref: str | None = None
    missing: bool = False
    database: str | None = None
    store: str | None = None


@dataclass(frozen=True, kw_only=True)
class CostFlags:
    """Flags of `cost`, `cost review` and the console's page."""

    location: str
    prices: Path | None = None
    run_seconds: float | None = None
    store: str | None = None


@dataclass(frozen=True, kw_only=True)
class EraseFlags:
    table: str | None = None
    column: str | None = None
    value_from: str | None = None
    also: tuple[str, ...] = ()
    reason: str | None = None
    report_id: str | None = None
    rewrite: bool = False
    absent: tuple[str, ...] = ()
    dry_run: bool = False
    database: str | None = None
    store: str | None = None


@dataclass(frozen=True, kw_only=True)
class RekeyFlags:
    to: str
    kind: str | None = None
    dry_run: bool = False
    database: str | None = None
    store: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuditFlags:
    limit: int
    since: str | None = None
    until: str | None = None
    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
    backup_id: str | None = None
    database: str | None = None
    store: str | None = None


def given_flags(flags: Any) -> list[str]:
    """Returns the names of the flags that were given: those whose value is not false, None or empty."""
    return [field.name for field in fields(flags) if getattr(flags, field.name)]


def flag_name(name: str) -> str:
    """Returns the flag of a field of RestoreFlags or BackupFlags as written on the command line: `--to`."""
    written = {"ref": "backup", "prove": "verify", "tables": "table", "formats": "format"}.get(name, name)
    return f"--{written.replace('_', '-')}"
