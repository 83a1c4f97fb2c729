"""Typed flags of `backup`, `verify` and `restore`. A flag that was not given has its default value."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class BackupFlags:
    """Flags of `backup`."""

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
    """Flags of `verify`."""

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


def given_flags(flags: Any) -> list[str]:
    """Returns the names of the flags that were given: those whose value is not false, None or empty."""
    return [field.name for field in fields(flags) if getattr(flags, field.name)]


def flag_name(name: str) -> str:
    """Returns the flag of a field of RestoreFlags or BackupFlags as written on the command line: `--to`."""
    written = {"ref": "backup", "prove": "verify", "tables": "table", "formats": "format"}.get(name, name)
    return f"--{written.replace('_', '-')}"
