"""A store in a folder: each object is a file, its name the path below the folder.

A file is written in the hidden folder `.staging` of the store, on the same file system, and then
hard-linked to its name: the name appears with its whole content or not at all, and is never
overwritten. A folder keeps no metadata: listings have none, and callers read the manifests instead.
Only the owner can read the store: files have mode 0600, folders 0700.
"""

import errno
import fcntl
import io
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import google_crc32c

from shared.errors import ObjectExists, ObjectMissing, SourceError, StoreError
from shared.runtime.disk import has_room
from shared.runtime.files import NO_HARD_LINKS
from shared.runtime.workspace import scratch_folder
from shared.stores.folder_errors import file_errors, folder_problem
from shared.stores.folder_many import read_many
from shared.stores.folder_tree import generation_of, opened_folder, sync_folder, walk_files
from shared.stores.interface import NO_METADATA, StoredObject
from shared.stores.object_names import check_object_name

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_STAGING = ".staging"
_LOCK = ".lock"
_READ_SIZE = 1 << 20  # bytes
_LOCK_PATIENCE_SECONDS = 60.0  # Litekeep holds the lock for one stat and one rename or unlink
_LOCK_POLL_SECONDS = 0.02
_LAST_SECOND = 253402300799  # of the year 9999, the last one that fits a datetime
_NEARLY_FULL = 16 << 20  # bytes


class FolderStore:
    """Implements `Store` on a folder. The first `create` makes the folder; its parent must exist."""

    def __init__(self, path: Path, *, lock_patience_seconds: float = _LOCK_PATIENCE_SECONDS) -> None:
        self._lock_patience_seconds = lock_patience_seconds
        self._url = str(path)
        self._root = path.absolute()

    @property
    def url(self) -> str:
        return self._url

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
        if not self._is_there():
            return
        with file_errors(self._url, "listing"), opened_folder(self._root, ()) as folder:
            for name, status in walk_files(folder, prefix, start):
                yield _as_object(name, status)

    @contextmanager
    def staging_folder(self) -> Iterator[Path]:
        with ExitStack() as stack:
            try:
                self._make_root()
                folder = stack.enter_context(scratch_folder(self._root / _STAGING))
            except OSError as error:
                raise folder_problem(error, self._url, "making a staging folder") from error
            except SourceError as error:
                raise StoreError(f"store {self._url} cannot be written: {error}") from error
            try:
                yield folder
            except OSError as error:
                # The error of a plain write does not name the disk that is full.
                if error.errno == errno.ENOSPC and not has_room(folder, _NEARLY_FULL):
                    raise folder_problem(error, self._url, "writing") from error
                raise

    def create_from_file(self, name: str, path: Path, crc32c: int, metadata: Mapping[str, str]) -> StoredObject:
        del metadata  # a folder keeps none
        parts = check_object_name(name)
        with file_errors(self._url, f"storing {name}"):
            self._make_root()
            written = self._make_durable(path, name, crc32c)
            with opened_folder(self._root, parts[:-1], make=True) as folder:
                self._publish(path, folder, parts[-1], name)
                sync_folder(folder)
        with suppress(OSError):  # only the second link: the staging folder is removed as a whole later
            path.unlink(missing_ok=True)
        return _as_object(name, written)

    def create(self, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
        check_object_name(name)
        with self.staging_folder() as folder:
            path = folder / "object"
            with file_errors(self._url, f"storing {name}"):
                path.write_bytes(content)
            return self.create_from_file(name, path, google_crc32c.value(content), metadata)

    @contextmanager
    def open(self, name: str, generation: str | None = None) -> Iterator[BinaryIO]:
        parts = check_object_name(name)
        with file_errors(self._url, f"reading {name}"):
            file, status = self._open_file(parts, name)
        with io.BufferedReader(file, _READ_SIZE) as reader:
            if generation is not None and generation_of(status) != generation:
                raise ObjectMissing(f"{name} in store {self._url} is not the one that was listed: list again")
            yield reader

    def read_many(self, items: Iterable[StoredObject]) -> Iterator[bytes | None]:
        return read_many(self._root, self._url, items)

    def delete(self, name: str, generation: str) -> None:
        *parents, leaf = check_object_name(name)
        with (
            file_errors(self._url, f"deleting {name}"),
            suppress(FileNotFoundError),
            opened_folder(self._root, parents) as folder,
            self._lock(),  # between our stat and unlink, others could delete and recreate the file
        ):
            if generation_of(os.stat(leaf, dir_fd=folder, follow_symlinks=False)) == generation:
                os.unlink(leaf, dir_fd=folder)
                sync_folder(folder)

    def _is_there(self) -> bool:
        """Returns whether the folder exists. Raises StoreError for a missing parent or a dangling symlink."""
        with file_errors(self._url, "looking for the folder"):
            try:
                self._root.stat()
            except FileNotFoundError:
                if self._root.is_symlink() or not self._root.parent.is_dir():
                    raise self._parent_missing() from None
                return False
        return True

    def _make_root(self) -> None:
        if self._is_there():
            return
        with suppress(FileExistsError):
            self._root.mkdir(mode=0o700)
        with opened_folder(self._root.parent, ()) as parent:
            sync_folder(parent)

    def _parent_missing(self) -> StoreError:
        return StoreError(
            f"store {self._url} is missing, and so is its parent folder: "
            f"mount its disk, or make the folder {self._root.parent}"
        )

    def _make_durable(self, path: Path, name: str, crc32c: int) -> os.stat_result:
        """Checks the file's CRC32C (a read from the page cache), makes it private and flushes it to disk."""
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            actual = 0
            while block := file.read(_READ_SIZE):
                actual = google_crc32c.extend(actual, block)
            if actual != crc32c:
                raise StoreError(
                    f"storing {name} failed in store {self._url}: "
                    "the staged file is damaged (its CRC32C differs); try again, and check the disk"
                )
            os.fchmod(file.fileno(), 0o600)
            os.fsync(file.fileno())
            return os.fstat(file.fileno())

    def _publish(self, path: Path, folder: int, leaf: str, name: str) -> None:
        try:
            os.link(path, leaf, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            raise self._taken(name) from None
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            self._publish_by_renaming(path, folder, leaf, name)

    def _publish_by_renaming(self, path: Path, folder: int, leaf: str, name: str) -> None:
        """Publishes by rename, on file systems without hard links (FAT, some network disks), under the lock.

        An O_EXCL placeholder would need no lock, but one left by a kill would count as an empty object.
        """
        with self._lock():
            try:
                os.stat(leaf, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                os.rename(path, leaf, dst_dir_fd=folder)
            else:
                raise self._taken(name)

    def _taken(self, name: str) -> ObjectExists:
        return ObjectExists(f"{name} is in store {self._url} already, and was left as it is: use another name")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Holds the store's lock file. The system releases the lock when its holder dies."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not make us wait
        path = self._root / _LOCK
        descriptor = os.open(path, flags, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StoreError(f"{path} is not a plain file: move it away")
            self._wait_for(descriptor, path)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int, path: Path) -> None:
        """Waits for the lock. Raises StoreError if another process holds it for longer than the patience."""
        deadline = time.monotonic() + self._lock_patience_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise StoreError(
                        f"{path} is locked by another process for over {self._lock_patience_seconds:.0f} s: "
                        "find it (lslocks), stop it, and try again"
                    ) from None
                time.sleep(_LOCK_POLL_SECONDS)
            else:
                return

    def _open_file(self, parts: tuple[str, ...], name: str) -> tuple["_ObjectFile", os.stat_result]:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not make us wait
        missing = ObjectMissing(f"store {self._url} holds no {name}: list what there is")
        try:
            with opened_folder(self._root, parts[:-1]) as folder:
                descriptor = os.open(parts[-1], flags, dir_fd=folder)
        except FileNotFoundError:
            raise missing from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise StoreError(f"{name} in store {self._url} is a symlink, and not followed") from None
            raise
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            return _ObjectFile(descriptor, self._url, name), status
        os.close(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise missing
        raise StoreError(f"{name} in store {self._url} is not a plain file: move it away")


class _ObjectFile(io.FileIO):
    """An object's file. Its read errors name the store and the object."""

    def __init__(self, descriptor: int, url: str, name: str) -> None:
        super().__init__(descriptor, "rb")
        self._url = url
        self._object = name

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        with file_errors(self._url, f"reading {self._object}"):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        with file_errors(self._url, f"reading {self._object}"):
            return super().readall()


def _as_object(name: str, status: os.stat_result) -> StoredObject:
    seconds = status.st_mtime
    if not 0 <= seconds <= _LAST_SECOND:
        seconds = min(max(seconds, 0), _LAST_SECOND)
    created = datetime.fromtimestamp(seconds, UTC)
    return StoredObject(name, status.st_size, created, generation_of(status), NO_METADATA)
