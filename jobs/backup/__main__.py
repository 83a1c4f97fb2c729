"""`python -m jobs.backup`"""

from jobs.backup.command import backup
from shared.terminal.run import run

if __name__ == "__main__":
    run(backup, name="python -m jobs.backup")
