"""What a dump consists of, in its order, decided before the first row is read.

Order follows sqlite_schema's rows inside each group, never pages, so a restored database has the same plan.
What cannot be carried is found here, not in the middle of the rows.
"""

import apsw

from shared.dump.directions import Directions
from shared.dump.planner import Planner
from shared.dump.steps import DumpPlan


def make_plan(
    connection: apsw.Connection, *, rows: bool, tables: frozenset[str] | None, dump_format: int = 2
) -> DumpPlan:
    """Raises SourceError naming what cannot be carried, or a wanted table that is not there."""
    plan, against_text = _planned(connection, {}, dump_format, rows=rows, tables=tables)
    if against_text:
        plan, _ = _planned(connection, against_text, dump_format, rows=rows, tables=tables)
    return plan


def _planned(
    connection: apsw.Connection, directions: Directions, dump_format: int, *, rows: bool, tables: frozenset[str] | None
) -> tuple[DumpPlan, Directions]:
    """The plan, and the indexes that the source keeps in another direction than their text says."""
    planner = Planner(connection, directions, dump_format, rows=rows, tables=tables)
    try:
        planner.run()
        return planner.plan, planner.against_text()
    finally:
        planner.replay.close()
