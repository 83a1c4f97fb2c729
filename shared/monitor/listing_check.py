"""Checks whether a listing that led to findings was complete, by listing the store again."""

from datetime import datetime, timedelta

from shared.errors import StoreError
from shared.events.log import Event
from shared.model.trail_names import BESIDE_TRAIL
from shared.monitor.finding import Finding
from shared.retention.gaps import missing_from_listing, missing_message
from shared.retention.inventory import Inventory
from shared.stores import Store

_NEW = timedelta(minutes=10)  # younger objects may have been stored between the two listings


def check_listing(store: Store, first: Inventory, now: datetime) -> list[Finding]:
    """Returns a finding if the first listing, or a second one, lacks objects that the store has."""
    try:
        missing = missing_from_listing(store, first, store.list_objects(start=BESIDE_TRAIL), before=now - _NEW)
    except StoreError as error:
        return [Finding(Event.MONITOR_FAILED, f"a second listing failed: {error}", {"store": store.url})]
    return [Finding(Event.MONITOR_FAILED, missing_message(missing, store.url), {"store": store.url})] if missing else []
