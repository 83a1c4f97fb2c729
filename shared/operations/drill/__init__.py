"""The restore drill: proves every month that recovery works, and how long it takes."""

from shared.operations.drill.drill import Drill
from shared.operations.drill.run import DrillOrder, hold_drill

__all__ = ["Drill", "DrillOrder", "hold_drill"]
