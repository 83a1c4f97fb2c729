"""Plans a dump before the first row is read.

Each group of objects keeps the order of sqlite_schema's rows, not of pages, so a restored database has the same plan.
An object that cannot be dumped is found here, not in the middle of the rows.
"""

import apsw

from shared.dump.directions import Directions
from shared.dump.planner import Planner
from shared.dump.steps import DumpPlan


def make_plan(
    connection: apsw.Connection, *, rows: bool, tables: frozenset[str] | None, dump_format: int = 2
) -> DumpPlan:
    """Returns the plan. Raises SourceError naming an object that cannot be dumped or a wanted table that is missing."""
    plan, reversed_indexes = _planned(connection, {}, dump_format, rows=rows, tables=tables)
    if reversed_indexes:
        plan, _ = _planned(connection, reversed_indexes, dump_format, rows=rows, tables=tables)
    return plan


def _planned(
    connection: apsw.Connection, directions: Directions, dump_format: int, *, rows: bool, tables: frozenset[str] | None
) -> tuple[DumpPlan, Directions]:
    """Returns the plan, and the indexes that the source stores in another direction than their text declares."""
    planner = Planner(connection, directions, dump_format, rows=rows, tables=tables)
    try:
        planner.run()
        return planner.plan, planner.reversed_indexes()
    finally:
        planner.replay.close()
