"""The newest drill of a database."""

from collections.abc import Sequence

from console.cached_store import CachedStore
from shared.model.report_names import DrillName
from shared.operations.drill.history import PastDrill, read_drill


def last_drill(store: CachedStore, names: Sequence[DrillName]) -> PastDrill | None:
    """Returns the newest drill of `names`, or None if there is none. Raises StoreError."""
    newest = max(names, key=lambda each: each.held_at, default=None)
    return None if newest is None else read_drill(store, newest)
