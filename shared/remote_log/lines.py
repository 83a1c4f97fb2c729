"""A log line, as it is sent to Cloud Logging."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class LogLine:
    """A log line. `id` distinguishes lines of the same time."""

    id: str
    time: datetime
    severity: str
    fields: Mapping[str, Any]
