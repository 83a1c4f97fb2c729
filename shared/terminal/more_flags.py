"""Typed flags of the other commands that have many, apart from those of the jobs, which need not load them."""

from dataclasses import dataclass
from pathlib import Path


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
    """Flags of `copy`."""

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
    """Flags of `erase`."""

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
    """Flags of `rekey`."""

    to: str
    kind: str | None = None
    dry_run: bool = False
    database: str | None = None
    store: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuditFlags:
    """Flags of `audit`."""

    limit: int
    since: str | None = None
    until: str | None = None
    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
    backup_id: str | None = None
    database: str | None = None
    store: str | None = None
