"""`python -m jobs.cleanup`"""

from jobs.cleanup.command import cleanup
from shared.events.log import Event
from shared.terminal.run import run

if __name__ == "__main__":
    run(cleanup, name="python -m jobs.cleanup", failure=Event.CLEANUP_FAILED)
