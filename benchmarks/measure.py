"""Measures a command: elapsed time, CPU time, and memory of the whole process tree."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_POLL_SECONDS = 0.03  # between two samples of the tree's memory


@dataclass(frozen=True)
class Sample:
    """One run: elapsed seconds, CPU seconds, bytes of memory."""

    wall: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Spread:
    """Several runs of one command; `wall` and `cpu` are medians, `memory` is the maximum."""

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
    """A measured command failed, so its time means nothing."""


def measure(command: str, folder: Path, environment: Mapping[str, str]) -> Sample:
    """Runs a shell command in `folder`. Raises CommandFailed if any part of a pipe fails."""
    with (folder / "output.txt").open("w+b") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            ["bash", "-c", f"set -o pipefail; {command}"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        tree = _Tree(process.pid)
        _, status, used = os.wait4(process.pid, 0)  # includes the children that bash has waited for
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = tree.peak()
        if process.returncode != 0:
            output.seek(0)
            raise CommandFailed(f"{command}\n{output.read().decode(errors='replace')[-2000:]}")
    return Sample(wall, used.ru_utime + used.ru_stime, peak)


class _Tree:
    """Samples the memory of a process and its descendants until `peak` is called, which returns the maximum."""

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
        while not self._ended.wait(_POLL_SECONDS):
            self._peak = max(self._peak, sum(map(_private_memory, _descendants(self._pid))))


def _descendants(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        with suppress(OSError):  # the process has just ended
            for thread in Path(f"/proc/{found[-1]}/task").iterdir():
                waiting += map(int, thread.joinpath("children").read_text().split())
    return found


def _private_memory(pid: int) -> int:
    """Returns the bytes that the system cannot reclaim: anonymous and shared memory, without mapped files."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(("RssAnon", "RssShmem")))
