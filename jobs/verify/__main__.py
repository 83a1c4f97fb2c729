"""`python -m jobs.verify`"""

import sys

from jobs.verify.command import verify
from shared.events.log import Event
from shared.terminal.run import run

if __name__ == "__main__":
    drill = "--drill" in sys.argv
    run(
        verify,
        name="python -m jobs.verify",
        failure=Event.DRILL_FAILED if drill else Event.VERIFY_FAILED,
        wrong_usage=Event.DRILL_REFUSED if drill else Event.VERIFY_REFUSED,
    )
