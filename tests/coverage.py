"""Measures which lines and branches the tests reach: in the workers, and in the commands that `forker` forks.

SlipCover instruments modules as they are imported. Each worker writes one file at its end, and the controller merges
them. Commands are children of a forker: each appends what it reached to a file of its worker.

Not measured: a process that is killed, and one that is started anew (`python -I -S`, an installed wheel).
"""

import json
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest
    import slipcover

OPTION = "--coverage"
LEAST_PERCENT = 92  # the suite of 2026-11-29 reached 93.5 %
_SOURCES = ["console", "jobs", "litekeep", "shared"]
_EXCLUDED = [
    r"pragma: no (cover|branch)",  # each with its reason on the line, see tests/test_house.py
    r"if TYPE_CHECKING:",  # of the types alone
    r"@overload",
    r"class \w+\(Protocol.*\):",  # says what others do
    r"@(abc\.)?abstractmethod",
]
_SHOWN = 10  # files
_FOLDER = "LITEKEEP_COVERAGE"  # the setting that the controller gives its workers
_WORKER = "PYTEST_XDIST_WORKER"

_instance: "slipcover.Slipcover | None" = None
_children: Path  # the file of this worker's commands


def switch_on() -> None:
    """Make the workers of this controller measure. Call it before they start."""
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="litekeep-coverage-")


def start() -> None:
    """In a worker or its forker: instrument what is imported from now on. Does nothing where nothing is measured."""
    global _instance, _children  # noqa: PLW0603 - one for each process, as its imports are
    if not (_FOLDER in os.environ and _WORKER in os.environ) or _instance:
        return
    import slipcover  # noqa: PLC0415 - only where coverage is measured

    _children = Path(os.environ[_FOLDER], os.environ[_WORKER]).with_suffix(".children")
    # `immediate`: each probe removes itself when it is reached. A short command has no time to rewrite its functions.
    _instance = slipcover.Slipcover(immediate=True, branch=True, source=_SOURCES, exclude_lines=_EXCLUDED)
    slipcover.ImportManager(_instance, slipcover.FileMatcher(sources=_SOURCES)).__enter__()  # for life


def record_child() -> None:
    """Append what this process has reached since the last call, or since it was forked."""
    if _instance is None:
        return
    reached = {path: sorted(map(str, lines)) for path, lines in _instance._get_newly_seen().items()}
    # One write: appends of several children do not mix. A full disk or a limit must not change how a command ends.
    with suppress(OSError), _children.open("ab", buffering=0) as children:
        children.write(json.dumps(reached).encode() + b"\n")


def finish_worker() -> None:
    """In a worker, at its end: write what it and its commands reached."""
    if _instance is None:
        return
    _children.touch()
    with _children.open() as children:
        for line in children:
            with suppress(ValueError):  # a command that was killed while it wrote: what it reached does not count
                for path, reached in json.loads(line).items():
                    _instance.all_seen[path].update(map(_parsed, reached))
    _children.with_suffix(".json").write_text(json.dumps(_instance.get_coverage()))


def report(session: "pytest.Session") -> list[str]:
    """In the controller, after the workers: return the lines to show. Fail the session below `LEAST_PERCENT`."""
    import slipcover  # noqa: PLC0415 - only where coverage is measured

    folder = Path(os.environ[_FOLDER])
    workers = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    shutil.rmtree(folder)
    if not workers:
        session.exitstatus = session.exitstatus or 1
        return ["FAILED: the coverage was not measured, as no worker came to its end"]
    found, *others = workers
    for other in others:
        slipcover.merge_coverage(found, other)
    percent = found["summary"]["percent_covered"]
    lines = [f"coverage: {percent:.1f} % of lines and branches; at least {LEAST_PERCENT} % are wanted"]
    if percent < LEAST_PERCENT:
        session.exitstatus = 1
        lines.append(f"FAILED: the coverage is below {LEAST_PERCENT} %")
    files = sorted(found["files"].items(), key=lambda one: -_missing(one[1]))
    return lines + [f"  {_missing(one):4} not reached in {path}: {_some(one)}" for path, one in files[:_SHOWN]]


def _parsed(reached: str) -> Any:
    """Return a line number, or a branch as a pair of them."""
    return tuple(map(int, re.findall(r"-?\d+", reached))) if reached.startswith("(") else int(reached)


def _missing(one: dict[str, Any]) -> int:
    return len(one["missing_lines"]) + len(one["missing_branches"])


def _some(one: dict[str, Any]) -> str:
    return ", ".join(map(str, one["missing_lines"][:_SHOWN])) + (", …" if len(one["missing_lines"]) > _SHOWN else "")
