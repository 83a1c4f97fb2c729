"""`python -m jobs.verify`"""

import sys

from jobs.verify.command import verify
from shared.events.log import Event
from shared.terminal.run import run

if __name__ == "__main__":
    failure = Event.DRILL_FAILED if "--drill" in sys.argv else Event.VERIFY_FAILED
    run(verify, name="python -m jobs.verify", failure=failure)
