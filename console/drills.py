"""Past drills of one database, from reports that are read once."""

from collections.abc import Sequence

from console.kept import KeptStore
from shared.model.report_names import DrillName
from shared.operations.drill.history import PastDrill, read_drill


def last_drill(store: KeptStore, names: Sequence[DrillName]) -> PastDrill | None:
    """The newest of those that count; None when there is none. Raises StoreError."""
    newest = max(names, key=lambda each: each.held_at, default=None)
    return None if newest is None else read_drill(store, newest)
