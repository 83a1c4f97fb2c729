"""The `litekeep` command."""

from litekeep.app import litekeep
from shared.terminal.run import run


def main() -> None:
    """Runs the command line and ends the process."""
    run(litekeep, name="litekeep")


if __name__ == "__main__":
    main()
