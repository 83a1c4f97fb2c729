"""`python -m jobs.verify`"""

from jobs.verify.command import verify
from shared.terminal.run import run

if __name__ == "__main__":
    run(verify, name="python -m jobs.verify")
