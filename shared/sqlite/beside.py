"""Private folders on a target's own file system, so that moving into place is one step."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.errors import UsageError
from shared.runtime.workspace import scratch_folder

_NAME = ".litekeep-restoring"


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """A scratch folder next to `target`; nothing of it is left behind. Raises UsageError without a folder to be in."""
    if not target.parent.is_dir():
        raise UsageError(f"folder {target.parent} is not there: make it, or choose another target")
    parent = target.parent / _NAME
    try:
        with scratch_folder(parent) as scratch:
            yield scratch
    finally:
        with suppress(OSError):
            parent.rmdir()  # unless another restore is at work there
