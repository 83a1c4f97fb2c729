"""Runs a command and says what it cost: wall time, CPU time, memory of the whole process tree."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_GLANCE = 0.03  # seconds between two looks at the tree's memory


@dataclass(frozen=True)
class Sample:
    """One run: seconds, seconds, bytes."""

    wall: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Spread:
    """Several runs of the same; `wall` and the others are medians."""

    samples: tuple[Sample, ...]

    @property
    def wall(self) -> float:
        return median(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float:
        return median(sample.cpu for sample in self.samples)

    @property
    def memory(self) -> int:
        return max(sample.memory for sample in self.samples)

    @property
    def least(self) -> float:
        return min(sample.wall for sample in self.samples)

    @property
    def most(self) -> float:
        return max(sample.wall for sample in self.samples)


class CommandFailed(Exception):
    """A contender did not do its work, so its time means nothing."""


def measure(command: str, folder: Path, environment: Mapping[str, str]) -> Sample:
    """Runs a shell command in `folder`; a failure anywhere in a pipe is one. Raises CommandFailed."""
    with (folder / "said.txt").open("w+b") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            ["bash", "-c", f"set -o pipefail; {command}"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        tree = _Tree(process.pid)
        _, status, used = os.wait4(process.pid, 0)  # counts the children that bash has waited for, too
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = tree.peak()
        if process.returncode != 0:
            said.seek(0)
            raise CommandFailed(f"{command}\n{said.read().decode(errors='replace')[-2000:]}")
    return Sample(wall, used.ru_utime + used.ru_stime, peak)


class _Tree:
    """Adds up the own memory of a process and all below it, again and again until `peak` is asked for."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def peak(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._ended.wait(_GLANCE):
            self._peak = max(self._peak, sum(map(_own, _family(self._pid))))


def _family(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        with suppress(OSError):  # it has just ended
            for thread in Path(f"/proc/{found[-1]}/task").iterdir():
                waiting += map(int, thread.joinpath("children").read_text().split())
    return found


def _own(pid: int) -> int:
    """Bytes that the system cannot take back: without the pages of mapped files, which stay in its cache or go."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(("RssAnon", "RssShmem")))
