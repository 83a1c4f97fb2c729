"""Rebuilds a database file from an artifact in a store.

The file is provisional until `rebuild` returns: it has a private name and is removed on any failure.
"""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from shared.archive.data_key import DataKey
from shared.archive.pipeline import read_ahead
from shared.archive.reader import read_artifact
from shared.continuous.path import Parents, path_to
from shared.continuous.rebuild import rebuild_pages
from shared.errors import NotGood, ObjectMissing, StoreError
from shared.model.manifest import Artifact, Manifest
from shared.model.names import Format
from shared.operations.verify.child import load, remove
from shared.runtime.confined import Confined
from shared.runtime.disk import Reserve, check_room
from shared.runtime.progress import Progress, counted, silent
from shared.sqlite.header import SIZE as HEADER_SIZE
from shared.sqlite.header import Header, parse_header, read_header, why_unreadable
from shared.stores import Store
from shared.text import count

_AFTER_THE_LAST_PAGE = 1 << 20  # bytes; SQLite ignores what follows the last page
_MOST_UNCOUNTED = 1 << 30  # bytes; of a file without a page count in its header, as SQLite before 2010 wrote it
_MOST_EXPANSION = 100
_NOTHING = Parents()


def rebuild(
    store: Store,
    manifest: Manifest,
    artifact: Artifact,
    data_key: DataKey | None,
    target: Path,
    child: Confined,
    *,
    parents: Parents = _NOTHING,
    progress: Progress = silent,
) -> None:
    """Rebuilds a database from one artifact as the new file `target`.

    An increment's pages are applied over those of its `parents`. Every stored and plain byte has been counted
    and hashed when it returns. Raises NotGood if the artifact does not match the manifest, StoreError if the store
    fails, and SourceError if the disk does.
    """
    if artifact.format is Format.PAGES:
        watch = partial(progress, str(artifact.format))
        rebuild_pages(store, path_to(store, manifest, data_key, parents), target, watch)
        check_pages(target, manifest)
        return
    with _plain(store, manifest, artifact, data_key) as plain:
        write_database(artifact.format, watched(plain, artifact, progress), manifest, target, child)


def rebuild_image(
    store: Store,
    manifest: Manifest,
    artifact: Artifact,
    data_key: DataKey | None,
    target: Path,
    *,
    progress: Progress = silent,
) -> None:
    """Rebuilds a database from a whole page image, which needs no confined process."""
    with _plain(store, manifest, artifact, data_key) as plain:
        write_image(watched(plain, artifact, progress), manifest, target)


@contextmanager
def _plain(store: Store, manifest: Manifest, artifact: Artifact, data_key: DataKey | None) -> Iterator[Iterator[bytes]]:
    """The plain bytes of a stored artifact, read in another thread."""
    with (
        store.open(artifact.object) as stored,
        read_ahead(read_artifact(stored, artifact, data_key, manifest.name)) as plain,
    ):
        yield plain


def write_database(form: Format, plain: Iterable[bytes], manifest: Manifest, target: Path, child: Confined) -> None:
    """Makes the database from an artifact's plain bytes, with the journal mode of the source.

    SQL runs in `child`. Raises NotGood, and SourceError if the disk has no room.
    """
    if form is not Format.SQL:
        write_image(plain, manifest, target)
        return
    its = manifest.sqlite
    check_room(target.parent, its.page_size * its.page_count, f"the database of {manifest.id}")
    load(child, plain, target, its.journal_mode, f"the SQL of {manifest.id}")


def write_image(plain: Iterable[bytes], manifest: Manifest, target: Path) -> None:
    """Makes the database from a page image's plain bytes. Raises NotGood, and SourceError if the disk has no room."""
    its, what = manifest.sqlite, f"the database of {manifest.id}"
    check_room(target.parent, its.page_size * its.page_count, what)
    try:
        # An image of a damaged database is kept as it is, at any size.
        _write_pages(plain, target, its.page_size * its.page_count if manifest.integrity.good else None, what)
        _check_pages(target, manifest)
    except BaseException:
        remove(target)
        raise


def none_usable(manifest: Manifest, failures: Sequence[NotGood | StoreError]) -> NotGood | StoreError:
    """Returns the error when all artifacts failed: StoreError if the store caused a failure, otherwise NotGood."""
    reasons = "; ".join(map(str, failures)) or "its manifest names none"
    if any(isinstance(failure, StoreError) and not isinstance(failure, ObjectMissing) for failure in failures):
        return StoreError(f"no artifact of {manifest.id} could be used: {reasons}")
    return NotGood(f"no artifact of {manifest.id} is good: {reasons}")


def write_foreign_pages(plain: Iterable[bytes], target: Path, stored: int, what: str) -> None:
    """Makes a database file from the pages of a file of `stored` bytes that no manifest describes.

    The size is limited to the pages that the header counts, and 1 MiB: 64 kB of zstd can expand to gigabytes.
    Raises NotGood for more, and for pages that are not a whole database.
    """
    pieces = iter(plain)
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEADER_SIZE:
            break
    header = parse_header(head[:HEADER_SIZE])
    if header is None:
        raise NotGood(f"cannot read {what}: SQLite does not accept its header; use another file")
    if foreign := why_unreadable(head[:HEADER_SIZE]):
        raise NotGood(f"{what} {foreign}: use another file")
    if header.page_count:
        most = header.page_size * header.page_count + _AFTER_THE_LAST_PAGE
    else:
        most = _MOST_UNCOUNTED + _MOST_EXPANSION * stored
    try:
        size = _write_pages(itertools.chain([head], pieces), target, max(most, stored), what)
        _check_whole(size, header, what)
    except BaseException:
        remove(target)
        raise


def _check_whole(size: int, header: Header, what: str) -> None:
    """Raises NotGood for a file that is cut short.

    SQLite would read a cut last page as zeros, and less than one page as an empty database.
    """
    if size < header.page_size:
        raise NotGood(
            f"{what} has {count(size, 'byte')}, less than one page of its {header.page_size}: use another file"
        )
    pages = header.page_count or -(-size // header.page_size)
    if size < pages * header.page_size:
        raise NotGood(
            f"{what} is cut short: it has {count(size, 'byte')}, and {count(pages, 'page')} of {header.page_size} make "
            f"{pages * header.page_size}; use another file"
        )


def _write_pages(plain: Iterable[bytes], target: Path, most: int | None, what: str) -> int:
    done = 0
    with private_file(target) as image:
        for piece in Reserve([target.parent]).watched(plain):
            done += len(piece)
            if most is not None and done > most:
                raise NotGood(f"{what} unpacks to more than the {most} bytes that it may have: use another one")
            image.write(piece)
    return done


def check_pages(target: Path, manifest: Manifest) -> None:
    """Checks a page image against the manifest, and removes the file if it does not match. Raises NotGood."""
    try:
        _check_pages(target, manifest)
    except NotGood:
        target.unlink(missing_ok=True)
        raise


def _check_pages(target: Path, manifest: Manifest) -> None:
    """Checks the header of a page image, and its size against the pages backed up. Raises NotGood."""
    if not manifest.integrity.good:
        return  # an image of a damaged database is kept as it is
    size, wanted = target.stat().st_size, manifest.sqlite.page_size * manifest.sqlite.page_count
    with target.open("rb") as file:
        header = read_header(file.fileno())
    if header is None or size != wanted or not size:
        raise NotGood(
            f"the page image of {manifest.id} has {count(size, 'byte')}, "
            f"and {count(wanted, 'byte')} of pages were backed up"
        )


def private_file(target: Path) -> BinaryIO:
    """Opens a new file that only its owner can read, regardless of the umask: a backup's contents are confidential."""
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def watched(plain: Iterable[bytes], artifact: Artifact, progress: Progress) -> Iterator[bytes]:
    """Passes on the plain bytes of an artifact and reports progress as they are used."""
    return counted(plain, progress, str(artifact.format), artifact.plain_size_bytes)
