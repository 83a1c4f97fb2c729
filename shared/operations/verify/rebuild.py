"""From an artifact in a store back to a database file.

What `rebuild` makes is provisional until it returns: it lies under a private name, and on any
failure it is gone.
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
from shared.continuous.path import Below, path_to
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

_AFTER_THE_LAST_PAGE = 1 << 20  # bytes that SQLite would not look at
_MOST_UNCOUNTED = 1 << 30  # of a file whose header counts no pages, which only a SQLite before 2010 writes
_MOST_EXPANSION = 100
_NOTHING = Below()


def rebuild(
    store: Store,
    manifest: Manifest,
    artifact: Artifact,
    data_key: DataKey | None,
    target: Path,
    child: Confined,
    *,
    below: Below = _NOTHING,
    progress: Progress = silent,
) -> None:
    """Makes a database file at `target`, which must not exist, from one artifact.

    The pages of an increment are put over those of all that is `below` it. Every stored and plain byte
    has been counted and hashed when it returns. Raises NotGood for an artifact that is not what the manifest says,
    StoreError or SourceError for the places.
    """
    if artifact.format is Format.PAGES:
        watch = partial(progress, str(artifact.format))
        rebuild_pages(store, path_to(store, manifest, data_key, below), target, watch)
        hold_pages(target, manifest)
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
    """The same from a whole page image, for which nothing is run."""
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
    """Makes the database from an artifact's plain bytes; its journal mode is as the source's was.

    SQL runs in `child`. Raises SourceError when there is no room for it.
    """
    if form is not Format.SQL:
        write_image(plain, manifest, target)
        return
    its = manifest.sqlite
    check_room(target.parent, its.page_size * its.page_count, f"the database of {manifest.id}")
    load(child, plain, target, its.journal_mode, f"the SQL of {manifest.id}")


def write_image(plain: Iterable[bytes], manifest: Manifest, target: Path) -> None:
    """Makes the database of a page image's plain bytes. Raises NotGood, SourceError when there is no room for it."""
    its, what = manifest.sqlite, f"the database of {manifest.id}"
    check_room(target.parent, its.page_size * its.page_count, what)
    try:
        # One of a damaged database is kept as it was found.
        _write_pages(plain, target, its.page_size * its.page_count if manifest.integrity.good else None, what)
        _check_pages(target, manifest)
    except BaseException:
        remove(target)
        raise


def none_usable(manifest: Manifest, failures: Sequence[NotGood | StoreError]) -> NotGood | StoreError:
    """What to raise when each artifact has failed: NotGood only when that is certain, and not the store's doing."""
    said = "; ".join(map(str, failures)) or "its manifest names none"
    if any(isinstance(failure, StoreError) and not isinstance(failure, ObjectMissing) for failure in failures):
        return StoreError(f"no artifact of {manifest.id} could be used: {said}")
    return NotGood(f"no artifact of {manifest.id} is good: {said}")


def write_foreign_pages(plain: Iterable[bytes], target: Path, stored: int, what: str) -> None:
    """Makes a database file of pages that no manifest describes, out of a file of `stored` bytes.

    As many as their header counts, and a little: 64 kB of zstd can become gigabytes. Raises NotGood for more.
    """
    pieces = iter(plain)
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEADER_SIZE:
            break
    header = parse_header(head[:HEADER_SIZE])
    if header is None:
        raise NotGood(f"{what} begins as a database, and the rest of its header is none that SQLite takes: use another")
    if foreign := why_unreadable(head[:HEADER_SIZE]):
        raise NotGood(f"{what} {foreign}: use another")
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
    """SQLite reads zeros behind a cut last page, and takes less than a page for an empty database. Raises NotGood."""
    if size < header.page_size:
        raise NotGood(f"{what} has {count(size, 'byte')}, less than one page of its {header.page_size}: use another")
    pages = header.page_count or -(-size // header.page_size)
    if size < pages * header.page_size:
        raise NotGood(
            f"{what} is cut short: it has {count(size, 'byte')}, and {count(pages, 'page')} of {header.page_size} make "
            f"{pages * header.page_size}; use another"
        )


def _write_pages(plain: Iterable[bytes], target: Path, most: int | None, what: str) -> int:
    done = 0
    with private_file(target) as image:
        for piece in Reserve([target.parent]).watched(plain):
            done += len(piece)
            if most is not None and done > most:
                raise NotGood(f"{what} unpacks to more than the {most} bytes that it says it has: use another one")
            image.write(piece)
    return done


def hold_pages(target: Path, manifest: Manifest) -> None:
    """Checks them, and leaves no file that is not as it must be."""
    try:
        _check_pages(target, manifest)
    except NotGood:
        target.unlink(missing_ok=True)
        raise


def _check_pages(target: Path, manifest: Manifest) -> None:
    """Holds a page image to SQLite's header and to the pages that were backed up. Raises NotGood."""
    if not manifest.integrity.good:
        return  # kept as it was found
    size, wanted = target.stat().st_size, manifest.sqlite.page_size * manifest.sqlite.page_count
    with target.open("rb") as file:
        header = read_header(file.fileno())
    if header is None or size != wanted or not size:
        raise NotGood(
            f"the page image of {manifest.id} has {count(size, 'byte')}, "
            f"and {count(wanted, 'byte')} of pages were backed up"
        )


def private_file(target: Path) -> BinaryIO:
    """A new file for its owner only, whatever the umask: what comes out of a backup was kept encrypted."""
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def watched(plain: Iterable[bytes], artifact: Artifact, progress: Progress) -> Iterator[bytes]:
    """The plain bytes of an artifact, with the progress of whoever uses them."""
    return counted(plain, progress, str(artifact.format), artifact.plain_size_bytes)
