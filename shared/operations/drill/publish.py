"""Stores the report of a drill. The JSON comes last, so that a report that exists has its page and plot."""

import json
from collections.abc import Sequence
from contextlib import suppress

from shared.catalog.signed_drills import with_signature
from shared.errors import StoreError
from shared.operations.drill.attempt import Role
from shared.operations.drill.drill import Drill
from shared.operations.drill.history import PastDrill
from shared.operations.drill.page import to_markdown
from shared.operations.drill.plot import PlottedDrill, draw
from shared.operations.drill.report import to_json
from shared.stores import Store, StoredObject


def publish(store: Store, drill: Drill, past: Sequence[PastDrill]) -> None:
    """Stores the plot, the page and the report. `past` are the earlier drills of the database, in any order.

    Raises StoreError, and KeyProblem if the report cannot be signed. On failure, the stored objects are removed if this
    identity may delete.
    """
    report = json.dumps(with_signature(to_json(drill), drill.name), indent=2, ensure_ascii=False)
    contents = {
        drill.name.plot: draw([*_points(past), _point(drill)]),
        drill.name.page: to_markdown(drill),
        drill.name.report: report + "\n",
    }
    stored: list[StoredObject] = []
    try:
        for name, content in contents.items():
            stored.append(store.create(name, content.encode("utf-8", "replace"), {}))
    except BaseException:
        for item in stored:
            with suppress(StoreError):  # without the right to delete, an unreferenced page stays
                store.delete(item.name, item.generation)
        raise


def _points(past: Sequence[PastDrill]) -> list[PlottedDrill]:
    oldest_first = sorted(past, key=lambda drill: (drill.name.held_at, drill.name.report))
    return [PlottedDrill(drill.name.held_at, drill.name.passed, drill.seconds) for drill in oldest_first]


def _point(drill: Drill) -> PlottedDrill:
    seconds = {
        role: attempt.recovery_seconds
        for role in Role
        if (attempt := drill.attempt(role)) and attempt.recovered and attempt.recovery_seconds is not None
    }
    return PlottedDrill(drill.started_at, drill.passed, seconds)
