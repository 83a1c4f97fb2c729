"""How much room is left where something is about to be written, before it is and while it is.

Every free-space check of the library is here, and so is the one error line that they raise.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.errors import SourceError
from shared.text import size

KEPT_FREE = 64 << 20  # bytes: others need the disk, too, and so does saying what went wrong
SET_TMPDIR = "set TMPDIR to a larger place"
_BYTES_BETWEEN_LOOKS = 16 << 20


def free_bytes(place: Path) -> int:
    """Returns how much this user may still write there. Raises SourceError."""
    try:
        disk = os.statvfs(place)
    except OSError as error:
        raise SourceError(f"cannot see how much space is left at {place}: {error.strerror}") from error
    return disk.f_bavail * disk.f_frsize


def has_room(place: Path, needed: int) -> bool:
    """Returns whether `needed` bytes fit. Raises SourceError."""
    return free_bytes(place) >= needed


def check_room(place: Path, needed: int, what: str, otherwise: str | None = SET_TMPDIR) -> None:
    """Raises SourceError when `what`, of `needed` bytes, does not fit; `otherwise` is what helps besides free space."""
    if not has_room(place, needed):
        raise no_room(place, what, needed, otherwise)


def no_room(place: Path, what: str, needed: int | None = None, otherwise: str | None = SET_TMPDIR) -> SourceError:
    """Returns the error for `what` that does not fit, or did not; `needed` where it is known."""
    try:
        free = f"{size(free_bytes(place))} free"
    except SourceError:
        free = "free space unknown"
    wanted = "" if needed is None else f", {size(needed)} needed"
    or_else = "" if otherwise is None else f", or {otherwise}"
    return SourceError(f"no room in {place} for {what} ({free}{wanted}): free some{or_else}")


class Reserve:
    """So much stays free in each of these places. One that was short from the start may lose three quarters more."""

    def __init__(self, places: Iterable[Path], kept: int = KEPT_FREE) -> None:
        self._kept = {place: min(kept, free_bytes(place) // 4) for place in places if place.is_dir()}

    def check(self) -> None:
        """Raises SourceError before a disk is full."""
        for place, kept in self._kept.items():
            if free_bytes(place) < kept:
                raise SourceError(f"the disk is nearly full at {place}: make room and try again")

    def is_short(self) -> bool:
        """Returns whether so little is left that a write may have failed for it."""
        return any(free_bytes(place) < 2 * kept for place, kept in self._kept.items())

    def watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, for whoever writes them there, with a look at the room now and then."""
        since = _BYTES_BETWEEN_LOOKS
        for piece in pieces:
            since += len(piece)
            if since >= _BYTES_BETWEEN_LOOKS:
                since = 0
                self.check()
            yield piece
