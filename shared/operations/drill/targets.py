"""Recovery targets: how long recovery may take, and how old the data may be."""

from datetime import timedelta
from enum import StrEnum

from shared.model.kinds import Kind


class Scenario(StrEnum):
    """A kind of disaster. The comments say what a short drill measures; a full drill plays it (`scenarios.py`)."""

    MINOR_CORRUPTION = "minor corruption"  # the latest verified backup, up to a checked database
    INSTANCE_FAILURE = "instance failure"  # the same, and the application's own checks
    MAJOR_DISASTER = "major disaster"  # the same, and again with an older backup, as if the latest were lost
    REGIONAL_OUTAGE = "regional outage"  # the latest verified backup, from the copy store

    @property
    def short(self) -> str:
        """The value for `--scenario`: minor, instance, major or regional."""
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

# When a backup is due, the previous one is exactly as old as allowed and the new one is not stored yet.
GRACE = timedelta(minutes=5)
