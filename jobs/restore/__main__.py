"""`python -m jobs.restore`"""

import sys

from jobs.restore.command import restore
from shared.events.log import Event
from shared.terminal.run import run

if __name__ == "__main__":
    check = "--check" in sys.argv
    failure = Event.RESTORE_CHECK_FAILED if check else Event.RESTORE_FAILED
    run(restore, name="python -m jobs.restore", failure=failure)
