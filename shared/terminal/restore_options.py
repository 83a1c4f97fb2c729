"""Turns the flags of a restore, or of a request for one, into a RestoreOptions."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from shared.catalog.backup import Backup
from shared.catalog.listing import LATEST, LATEST_VERIFIED, Catalog
from shared.clock import parse_time
from shared.databases.location import Location, on_cloud
from shared.errors import NotGood, UsageError
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX
from shared.operations.restore.options import RestoreOptions
from shared.operations.verify.nearest import Search, alternatives
from shared.settings import Settings
from shared.terminal.erasures import erasure_options
from shared.terminal.flags import RestoreFlags
from shared.terminal.parts import catalog_of, database_of, key_of, location_of, source_of
from shared.terminal.policy import check_database

OpenKey = Callable[[], WrappingKey | None]


def restore_options(settings: Settings, flags: RestoreFlags, *, with_key: bool = True) -> RestoreOptions:
    """Returns the options. Raises UsageError for flags that clash, NotPermitted for a target outside the policy."""
    if flags.in_place and flags.to:
        raise UsageError("--to and --in-place exclude each other: give one")
    if flags.in_place and (flags.tables or flags.schema_only):
        raise UsageError("--in-place brings the whole database back: use --to with --table or --schema-only")
    if flags.upload_replace and not flags.in_place:
        raise UsageError("--upload-replace goes with --in-place")
    if flags.nearest and not flags.at:
        raise UsageError("--nearest needs --at: it restores the nearest good backup before that moment")
    if not (flags.ref or flags.at):
        raise UsageError("--backup REF is missing: an id, latest, or latest-verified; see litekeep list")
    place = _place(settings, flags)  # before the store is read: a target outside the policy is refused first
    catalog = catalog_of(settings)
    ref = flags.ref or LATEST
    database = flags.database or (database_of(settings) if ref in (LATEST, LATEST_VERIFIED) else None)
    at = moment_of(flags.at)
    backup = catalog.find(ref, database, at)
    if at is not None and not flags.nearest:
        check_restorable_at(catalog, backup, at, lambda: key_of(settings))
    target = place if flags.to or flags.in_place else place.beside(backup.name.id)
    if flags.upload_replace and on_cloud(target) is None:
        raise UsageError(f"--upload-replace is for SQLite Cloud, and {target.display} is a file: leave it out")
    if flags.in_place and backup.name.database not in (target.database, flags.database):
        raise UsageError(
            f"{backup.name.id} is a backup of {backup.name.database}, not of {target.display}: to restore it there "
            f"anyway, add --database {backup.name.database}"
        )
    return RestoreOptions(
        catalog=catalog,
        backup=backup,
        key=key_of(settings) if with_key else None,
        target=target,
        in_place=flags.in_place,
        any_source=flags.database is not None,
        in_one_step=flags.upload_replace,
        prove=bool(flags.prove),
        prove_again=flags.prove == "full",
        schema_only=flags.schema_only,
        tables=frozenset(flags.tables),
        environment=settings.environment.value,
        keep_safety_for=settings.retention_of(Kind.ON_DEMAND),
        migrations=Path(flags.migrations) if flags.migrations else None,
        erasures=erasure_options(
            settings,
            without=flags.without_erasures,
            absent=flags.absent,
            alone=not flags.request and with_key,
        ),
    )


def _place(settings: Settings, flags: RestoreFlags) -> Location:
    """Returns the location of --to, else the source: a new database is made beside it, or it is replaced."""
    if not flags.to and not flags.in_place and settings.database_url is None:
        raise UsageError("--to is missing, and DATABASE_URL is not set: name the new database")
    place = location_of(flags.to, settings) if flags.to else source_of(settings)
    if flags.in_place:
        check_database(settings, place.display, "--in-place")
    return place


def moment_of(text: str | None) -> datetime | None:
    """Returns the moment of --at, or None. Raises UsageError."""
    try:
        return None if text is None else parse_time(text)
    except ValueError:
        raise UsageError(f"--at {text!r} is not a time: write 2024-01-15T12:00:00Z") from None


def check_restorable_at(catalog: Catalog, found: Backup, at: datetime, key: OpenKey) -> None:
    """Raises NotGood if the newest backup at or before the moment is a point that cannot be restored.

    `found` is the newest good one. It may be hours older, so it is restored only with --nearest.
    """
    if not found.passed_over:
        return
    own = restorable(catalog.backups(database=found.name.database))
    meant = next(backup for backup in own if backup.created_at <= at and not backup.future)
    if meant.name.kind is Kind.CONTINUOUS and not meant.good:
        earlier, later = Search(catalog, key()).around(own, at)
        raise NotGood(
            f"{meant.name.id} cannot be restored: {meant.wrong}; {alternatives(earlier, later)}{nearest_hint(earlier)}"
        )


def restorable(backups: list[Backup]) -> list[Backup]:
    """Returns the backups without the safety backups of in-place restores."""
    return [backup for backup in backups if not backup.name.id.startswith(SAFETY_PREFIX)]


def nearest_hint(earlier: Backup | None) -> str:
    """Returns the end of an error line that says how to restore the nearest earlier backup, if there is one."""
    return ": restore one by its id, or add --nearest for the earlier one" if earlier else ""
