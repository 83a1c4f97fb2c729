"""`python -m jobs.restore`"""

from jobs.restore.command import restore
from shared.terminal.run import run

if __name__ == "__main__":
    run(restore, name="python -m jobs.restore")
