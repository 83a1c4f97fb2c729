"""Finds the SQLite Cloud project whose native backups are monitored, if there is one."""

from collections.abc import Collection

from shared.clock import Clock, utc_now
from shared.databases.location import on_cloud
from shared.monitor.finding import Finding
from shared.settings import Settings
from shared.sqlitecloud.connection_string import Address
from shared.terminal.parts import project_of, source_of


def cloud_project(settings: Settings) -> Address | None:
    """Returns the project of DATABASE_URL; None for a file or if it is not set. Raises UsageError if it is invalid."""
    if settings.database_url is None:
        return None
    if settings.backup_databases is not None:
        return project_of(settings)
    source = on_cloud(source_of(settings))
    return source.address if source else None


def native_alarms(settings: Settings, databases: Collection[str], *, clock: Clock = utc_now) -> list[Finding]:
    """Returns the monitor's findings on the native backups of these databases; none without a project."""
    address = cloud_project(settings)
    if address is None:
        return []
    from shared.monitor.native_probe import probe_native  # noqa: PLC0415 - files need no driver

    return probe_native(address, databases, clock=clock)
