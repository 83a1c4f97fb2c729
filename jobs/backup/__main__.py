"""`python -m jobs.backup`"""

from jobs.backup.command import backup
from shared.events.log import Event
from shared.terminal.run import run

if __name__ == "__main__":
    run(backup, name="python -m jobs.backup", failure=Event.BACKUP_FAILED)
