"""A pytest plugin that records which tests reach which lines of some modules, and how long each takes.

`python -m pytest -p tests.mutants.reach …` with MUTANTS_REACH naming the file to write and MUTANTS_PLACES the modules.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

_places = tuple(os.environ["MUTANTS_PLACES"].split(os.pathsep))
_reached: dict[str, dict[str, float]] = {}  # "file:line" -> the tests that reach it, and their seconds
_lines: set[str] = set()
_failed: set[str] = set()


def _on_call(frame: FrameType, event: str, argument: Any) -> Any:
    return _on_line if frame.f_code.co_filename.startswith(_places) else None


def _on_line(frame: FrameType, event: str, argument: Any) -> Any:
    _lines.add(f"{frame.f_code.co_filename}:{frame.f_lineno}")
    return _on_line


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _lines.clear()
    began = time.monotonic()
    threading.settrace(_on_call)
    sys.settrace(_on_call)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        for line in _lines:
            _reached.setdefault(line, {})[item.nodeid] = time.monotonic() - began


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Excludes tests that fail without a change, for example because tracing is slow on a busy machine."""
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    kept = {
        line: {test: took for test, took in tests.items() if test not in _failed} for line, tests in _reached.items()
    }
    Path(os.environ["MUTANTS_REACH"]).write_text(json.dumps(kept))
