"""What the application is made of, for one process: settings, the gate, the stores, what holds forms and rates."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app, g

from console.forms import Forms
from console.identity import Caller, Gate
from console.kept import KeptStore
from console.limits import RateLimit
from console.roles import Roles
from shared.clock import Clock, utc_now
from shared.events.log import EventLog
from shared.runtime.collector import all_of_it_stays
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.overall import Look, look_at
from shared.terminal.parts import event_log

if TYPE_CHECKING:
    from shared.stores import StoredObject

NAME = "litekeep"


@dataclass
class Wiring:
    """`may_change`: whether forms are there at all. `with_key`: whether this machine may look at seals."""

    settings: Settings
    gate: Gate
    forms: Forms
    may_change: bool = False
    with_key: bool = False
    clock: Clock = utc_now
    rate: RateLimit = field(default_factory=RateLimit)
    _log: EventLog | None = None
    _kept: KeptStore | None = None
    _looked: "tuple[tuple[StoredObject, ...], Look] | None" = None

    @property
    def store(self) -> KeptStore:
        if self._kept is None:
            self._kept = KeptStore(open_store(self.settings.backup_store), self.clock)
        return self._kept

    @property
    def log(self) -> EventLog:
        """One for the process: its events follow one another in the audit trail."""
        if self._log is None:
            self._log = event_log(self.settings, result_on_stdout=False)
        return self._log

    def look(self) -> Look:
        """All databases, from the listing alone; made anew when the listing is. Raises StoreError."""
        with all_of_it_stays():
            listing = self.store.whole()
            if self._looked is None or self._looked[0] is not listing:
                look = look_at(self.settings, self.store, None, self.clock(), listing_alone=True)
                self._looked = (listing, look)
            return self._looked[1]

    def look_closely(self, database: str) -> Look:
        """One database, with its newest manifests read. Raises StoreError."""
        return look_at(self.settings, self.store, database, self.clock(), with_key=self.with_key)


def wiring() -> Wiring:
    """That of the application that answers now."""
    return cast("Wiring", current_app.extensions[NAME])


def caller() -> Caller:
    """Who asks, as the gate has found out."""
    return cast("Caller", g.caller)


def roles() -> Roles:
    return cast("Roles", g.roles)
