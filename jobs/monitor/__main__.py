"""`python -m jobs.monitor`"""

from jobs.monitor.command import monitor
from shared.events.log import Event
from shared.terminal.run import run

if __name__ == "__main__":
    run(monitor, name="python -m jobs.monitor", failure=Event.MONITOR_FAILED)
