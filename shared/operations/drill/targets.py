"""What recovery must live up to: how long it may take, and how old the data may be."""

from datetime import timedelta
from enum import StrEnum

from shared.model.kinds import Kind


class Scenario(StrEnum):
    """What has happened. The comment says what a short drill measures for it; a full one plays it (`scenarios.py`)."""

    MINOR_CORRUPTION = "minor corruption"  # the latest verified backup, up to a checked database
    INSTANCE_FAILURE = "instance failure"  # the same, and the application's own checks
    MAJOR_DISASTER = "major disaster"  # all that, and then again with an older backup, since the latest is of no use
    REGIONAL_OUTAGE = "regional outage"  # the latest verified backup out of the copy store

    @property
    def short(self) -> str:
        """As `--scenario` has it: minor, instance, major, regional."""
        return self.value.split()[0]


RECOVERY_TIME = {
    Scenario.MINOR_CORRUPTION: timedelta(hours=1),
    Scenario.INSTANCE_FAILURE: timedelta(hours=2),
    Scenario.MAJOR_DISASTER: timedelta(hours=4),
    Scenario.REGIONAL_OUTAGE: timedelta(hours=8),
}

RECOVERY_POINT = {
    Kind.CONTINUOUS: timedelta(minutes=5),
    Kind.DAILY: timedelta(hours=24),
    Kind.WEEKLY: timedelta(days=7),
}

# When a backup is due the one before is exactly as old as allowed, and the new one is still on its way.
ON_ITS_WAY = timedelta(minutes=5)
