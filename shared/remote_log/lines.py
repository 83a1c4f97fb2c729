"""One line of a log, as it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class LogLine:
    """`id` tells it from others of the same time."""

    id: str
    time: datetime
    severity: str
    fields: Mapping[str, Any]
