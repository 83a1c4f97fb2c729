"""Whether all is well, judged by what stores hold: what `litekeep status` shows and the monitor job reports."""

from shared.monitor.finding import Finding
from shared.monitor.judge import ages, judge
from shared.monitor.listing import Listing, Seen
from shared.monitor.look import look
from shared.monitor.status import Status, StatusLevel, status_of

__all__ = ["Finding", "Listing", "Seen", "Status", "StatusLevel", "ages", "judge", "look", "status_of"]
