"""Storing a drill's report: the page and its plot first, the JSON last, so that a drill that exists is whole."""

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
    """Stores page, plot and report; `past` are the drills of the same database before it, in any order.

    Raises StoreError, and KeyProblem when it cannot be signed. What was stored of a report that did not come to be is
    removed, where that is allowed.
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
            with suppress(StoreError):  # who may only create leaves a page that nothing refers to
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
