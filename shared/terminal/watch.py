"""Reads the stores of the settings for `litekeep status` and the monitor job."""

from datetime import datetime

from shared.errors import LitekeepError
from shared.events.log import Event
from shared.monitor.finding import Finding
from shared.monitor.listing import Listing
from shared.monitor.observe import Survey, observe, survey
from shared.retention.inventory import Inventory
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.parts import database_of, project_of, seal_key_of


def look_at_stores(
    settings: Settings,
    store: Store,
    now: datetime,
    *,
    only: str | None = None,
    listing_alone: bool = False,
    with_key: bool = True,
    surveyed: Survey | None = None,
) -> tuple[Listing, Inventory]:
    """Returns the state of each database that should be backed up or has backups; with `only`, of that one.

    With `listing_alone`, no manifest is read, so rows are not compared. Without `with_key`, no seal is checked. With
    `surveyed`, the stores are not listed again, and its inventory is updated. Raises StoreError if BACKUP_STORE cannot
    be listed, UsageError if DATABASE_URL is invalid.
    """
    expected, problems = _expected(settings)
    return observe(
        store,
        now,
        copy_url=settings.backup_copy_store,
        expected=expected,
        only=only,
        problems=problems,
        open_key=(lambda: seal_key_of(settings)) if with_key and not listing_alone else None,
        listing_alone=listing_alone,
        surveyed=surveyed or survey_stores(settings, store, now),
    )


def survey_stores(settings: Settings, store: Store, now: datetime) -> Survey:
    """Lists the store and the copy store. Raises StoreError if the first cannot be listed."""
    copy_url = settings.backup_copy_store
    return survey(store, now, (lambda: open_store(copy_url)) if copy_url else None, copy_url)


def _expected(settings: Settings) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Returns the databases that should be backed up, and a finding if a project does not list its databases."""
    named = settings.backup_databases
    if named is None:
        found = database_of(settings)
        return (() if found is None else (found,)), ()
    if "*" not in named:
        return named, ()
    address = project_of(settings)
    from shared.sqlitecloud.databases import names, on_node  # noqa: PLC0415 - only to back up a whole project

    try:
        return tuple(on_node(address, names)), ()
    except LitekeepError as error:
        message = f"the databases to back up cannot be listed: {error}"
        return (), (Finding(Event.MONITOR_FAILED, message, {}),)
