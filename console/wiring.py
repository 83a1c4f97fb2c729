"""The parts of the application, one set per process: settings, gate, store, forms and rate limit."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app, g

from console.cached_store import CachedStore
from console.forms import Forms
from console.identity import Caller, Gate
from console.rate_limit import RateLimit
from console.roles import Roles
from shared.clock import Clock, utc_now
from shared.events.log import EventLog
from shared.monitor.observe import Survey
from shared.runtime.collector import garbage_collection_paused
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.overall import Look, look_at
from shared.terminal.parts import event_log
from shared.terminal.watch import survey_stores

if TYPE_CHECKING:
    from shared.stores import StoredObject

NAME = "litekeep"


@dataclass
class Wiring:
    """`may_change`: forms can be sent. `with_key`: this machine has the key that checks seals."""

    settings: Settings
    gate: Gate
    forms: Forms
    may_change: bool = False
    with_key: bool = False
    clock: Clock = utc_now
    rate: RateLimit = field(default_factory=RateLimit)
    _log: EventLog | None = None
    _store: CachedStore | None = None
    _last_look: "tuple[tuple[StoredObject, ...], Survey, Look] | None" = None

    @property
    def store(self) -> CachedStore:
        if self._store is None:
            self._store = CachedStore(open_store(self.settings.backup_store), self.clock)
        return self._store

    @property
    def log(self) -> EventLog:
        """The event log. There is one per process, because the audit trail numbers the events of each process."""
        if self._log is None:
            self._log = event_log(self.settings, result_on_stdout=False)
        return self._log

    def look(self) -> Look:
        """Returns the state of all databases, from the listing only; cached as long as it. Raises StoreError."""
        return self._survey_and_look()[1]

    def look_closely(self, database: str) -> Look:
        """Returns the state of one database, and reads its newest manifests. Raises StoreError."""
        surveyed = self._survey_and_look()[0].copied()
        return look_at(self.settings, self.store, database, self.clock(), with_key=self.with_key, surveyed=surveyed)

    def _survey_and_look(self) -> tuple[Survey, Look]:
        with garbage_collection_paused():
            listing, now = self.store.listing(), self.clock()
            if self._last_look is None or self._last_look[0] is not listing:
                surveyed = survey_stores(self.settings, self.store, now)
                look = look_at(self.settings, self.store, None, now, listing_alone=True, surveyed=surveyed)
                self._last_look = (listing, surveyed, look)
            return self._last_look[1:]


def wiring() -> Wiring:
    """Returns the parts of the current application."""
    return cast("Wiring", current_app.extensions[NAME])


def caller() -> Caller:
    """Returns the caller of the current request."""
    return cast("Caller", g.caller)


def roles() -> Roles:
    """Returns the roles of the caller of the current request."""
    return cast("Roles", g.roles)
