"""Checks a command's system calls for files that appear or are removed before they are synced.

strace(1) writes one line per call. With -y, a descriptor is followed by its path in angle brackets.
"""

import re
from pathlib import Path

from tests.cli.conftest import Workplace

_CALLS = "fsync,fdatasync,link,linkat,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,write,pwrite64,writev"
_CALLS += ",copy_file_range"
_SCRATCH = ("tmp", "state", ".staging", ".litekeep-restoring")  # files in these need not survive a run
_OF_SQLITE = ("-journal", "-wal", "-shm")  # SQLite syncs these itself

_LINE = re.compile(r"(\d+) +(\w+)\((.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)")
_DESCRIPTOR = re.compile(r"(?:\d+|AT_FDCWD)<([^>]*)>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


def traced(workplace: Workplace, *arguments: str, **settings: str) -> list[str]:
    """Runs the command under strace, and returns the lines of the trace. The command must succeed."""
    trace = workplace.folder / "tmp" / "trace"
    strace = ("strace", "-f", "-y", "-qq", "-s", "0", "-e", "signal=none", "-e", f"trace={_CALLS}", "-o", str(trace))
    outcome = workplace.run(*arguments, under=strace, **settings)
    assert outcome.code == 0, outcome.err
    return trace.read_text().splitlines()


class Disk:
    """Replays a trace. `faults` lists what a power cut could have lost or brought back.

    `names` are the files that appeared, `removed` those that were removed, in order.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished: dict[str, str] = {}
        self._dirty: set[Path] = set()
        self._synced: set[Path] = set()
        self._unsynced_names: set[Path] = set()
        self._unsynced_removals: set[Path] = set()
        self.removed: list[Path] = []
        self.names: set[Path] = set()
        self.faults: list[str] = []

    def replay(self, lines: list[str]) -> None:
        for line in lines:
            if line.endswith("<unfinished ...>"):
                self._unfinished[line.split(maxsplit=1)[0]] = line.removesuffix("<unfinished ...>")
                continue
            whole = line
            if resumed := _RESUMED.match(line):
                # If its first half is missing, a test has removed the call.
                whole = self._unfinished.pop(resumed[1], "left out") + resumed[3]
            if (call := _LINE.match(whole)) and not re.search(r"= -1 E", whole):
                self._see(call[2], call[3])
        self.faults += [f"the folder of {name} was not synced after it appeared" for name in self._unsynced_names]
        self.faults += [f"the folder of {name} was not synced after it went" for name in self._unsynced_removals]
        self.faults += [f"{name} was written to and not synced" for name in self._dirty if self._is_lasting(name)]

    def _see(self, call: str, rest: str) -> None:
        if call in ("write", "pwrite64", "writev", "copy_file_range"):
            self._dirty.add(self._descriptors(rest)[-1])
        elif call in ("fsync", "fdatasync"):
            synced = self._descriptors(rest)[0]
            self._dirty.discard(synced)
            self._synced.add(synced)
            self._unsynced_names = {name for name in self._unsynced_names if name.parent != synced}
            self._unsynced_removals = {name for name in self._unsynced_removals if name.parent != synced}
        elif call in ("unlink", "unlinkat"):
            self._goes(self._paths(rest)[-1])
        elif call in ("mkdir", "mkdirat"):
            self._appears(self._paths(rest)[-1])
        else:
            self._moves(*self._paths(rest))

    def _goes(self, name: Path) -> None:
        if not self._is_lasting(name):
            return
        manifest = name.with_name(name.name.split(".", 1)[0] + ".manifest.json")
        if manifest in self._unsynced_removals:
            self.faults.append(f"{name} went before the folder of its manifest, which went, was synced")
        self._dirty.discard(name)
        self._unsynced_names.discard(name)
        self._unsynced_removals.add(name)
        self.removed.append(name)

    def _moves(self, source: Path, name: Path) -> None:
        if self._is_lasting(name) and (source in self._dirty or source not in self._synced):
            self.faults.append(f"{name} appeared before its content was synced")
        self._appears(name)

    def _appears(self, name: Path) -> None:
        if self._is_lasting(name):
            self.names.add(name)
            self._unsynced_names.add(name)

    def _is_lasting(self, path: Path) -> bool:
        if not path.is_relative_to(self._folder) or path.name.endswith(_OF_SQLITE):
            return False
        return not set(path.relative_to(self._folder).parts) & set(_SCRATCH)

    def _descriptors(self, rest: str) -> list[Path]:
        return [Path(found) for found in _DESCRIPTOR.findall(rest.split('"', maxsplit=1)[0])]

    def _paths(self, rest: str) -> list[Path]:
        """Returns the paths in a call, relative to the preceding descriptor or the working folder."""
        above, paths = self._folder, []
        for token in re.finditer(rf"{_DESCRIPTOR.pattern}|{_TEXT.pattern}", rest):
            if token[1] is not None:
                above = Path(token[1])
            else:
                paths.append(above / token[2])
        return paths
