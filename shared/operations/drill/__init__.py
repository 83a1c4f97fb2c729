"""The restore drill: proves every month that recovery works, and how long it takes."""

from shared.operations.drill.drill import Drill
from shared.operations.drill.run import DrillOptions, drill_database

__all__ = ["Drill", "DrillOptions", "drill_database"]
