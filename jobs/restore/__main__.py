"""`python -m jobs.restore`"""

from jobs.restore.command import restore
from shared.events.log import Event
from shared.terminal.run import run

if __name__ == "__main__":
    run(restore, name="python -m jobs.restore", failure=Event.RESTORE_FAILED)
