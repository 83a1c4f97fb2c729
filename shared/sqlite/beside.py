"""Private folders on the target's file system, so that a finished file can be renamed into place."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.errors import UsageError
from shared.runtime.workspace import scratch_folder

_NAME = ".litekeep-restoring"


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """Yields a scratch folder next to `target` and removes it afterwards. Raises UsageError if there is no folder."""
    if not target.parent.is_dir():
        raise UsageError(f"folder {target.parent} does not exist: create it, or choose another target")
    parent = target.parent / _NAME
    try:
        with scratch_folder(parent) as scratch:
            yield scratch
    finally:
        with suppress(OSError):
            parent.rmdir()  # fails while another restore uses it
