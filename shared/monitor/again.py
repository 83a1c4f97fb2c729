"""A second look, when the first one found something amiss: did the store leave anything out of its listing?"""

from datetime import datetime, timedelta

from shared.errors import StoreError
from shared.events.log import Event
from shared.model.trail_names import BESIDE_TRAIL
from shared.monitor.finding import Finding
from shared.retention.gaps import left_out, said_of
from shared.retention.inventory import Inventory
from shared.stores import Store

_NEW = timedelta(minutes=10)  # what is younger may have been stored between the two looks


def look_again(store: Store, first: Inventory, now: datetime) -> list[Finding]:
    """One finding if the first listing, or the one that is made here, lacks objects that the store has."""
    try:
        missing = left_out(store, first, store.list_objects(start=BESIDE_TRAIL), before=now - _NEW)
    except StoreError as error:
        return [Finding(Event.MONITOR_FAILED, f"a second look failed: {error}", {"store": store.url})]
    return [Finding(Event.MONITOR_FAILED, said_of(missing, store.url), {"store": store.url})] if missing else []
