"""Reads many small files of a store. Consecutive files of the same folder share one open folder."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from shared.stores.folder_errors import folder_problem
from shared.stores.folder_tree import generation_of, opened_folder
from shared.stores.interface import StoredObject
from shared.stores.object_names import check_object_name

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not make us wait
_GONE = {errno.ENOENT, errno.ELOOP}  # ELOOP: a symlink took its place


def read_many(root: Path, url: str, items: Iterable[StoredObject]) -> Iterator[bytes | None]:
    """Yields the bytes of each object below `root`, or None if it is gone or was replaced. Raises StoreError."""
    with ExitStack() as stack:
        current: tuple[str, ...] | None = None
        folder = -1
        for item in items:
            *parents, leaf = check_object_name(item.name)
            try:
                if current != tuple(parents):
                    stack.close()
                    current, folder = None, stack.enter_context(opened_folder(root, parents))
                    current = tuple(parents)
                content = _read(folder, leaf, item)
            except OSError as error:
                if error.errno not in _GONE:
                    raise folder_problem(error, url, f"reading {item.name}") from error
                content = None
            yield content


def _read(folder: int, leaf: str, item: StoredObject) -> bytes | None:
    descriptor = os.open(leaf, _FILE, dir_fd=folder)
    try:
        if generation_of(os.fstat(descriptor)) != item.generation:
            return None
        content = b""
        while len(content) < item.size_bytes and (block := os.read(descriptor, item.size_bytes - len(content))):
            content += block
        return content
    finally:
        os.close(descriptor)
