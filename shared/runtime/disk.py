"""Checks of free disk space, before and during a write. All of them raise the same error line."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.errors import SourceError
from shared.text import size

KEPT_FREE = 64 << 20  # bytes, left for other programs and for our own logs
SET_TMPDIR = "set TMPDIR to a larger place"
_BYTES_BETWEEN_CHECKS = 16 << 20


def free_bytes(place: Path) -> int:
    """Returns how many bytes this user may still write there. Raises SourceError."""
    try:
        disk = os.statvfs(place)
    except OSError as error:
        raise SourceError(f"cannot read the free space at {place}: {error.strerror}") from error
    return disk.f_bavail * disk.f_frsize


def has_room(place: Path, needed: int) -> bool:
    """Returns whether `needed` bytes fit. Raises SourceError."""
    return free_bytes(place) >= needed


def check_room(place: Path, needed: int, what: str, otherwise: str | None = SET_TMPDIR) -> None:
    """Raises SourceError if `what`, of `needed` bytes, does not fit. `otherwise`: another remedy than freeing space."""
    if not has_room(place, needed):
        raise no_room(place, what, needed, otherwise)


def no_room(place: Path, what: str, needed: int | None = None, otherwise: str | None = SET_TMPDIR) -> SourceError:
    """Returns the error for `what` that does not or did not fit. `needed` are its bytes, if known."""
    try:
        free = f"{size(free_bytes(place))} free"
    except SourceError:
        free = "free space unknown"
    wanted = "" if needed is None else f", {size(needed)} needed"
    or_else = "" if otherwise is None else f", or {otherwise}"
    return SourceError(f"no room in {place} for {what} ({free}{wanted}): free some{or_else}")


class Reserve:
    """Keeps `kept` bytes free in each place; a quarter of the free space where there is less than four times that."""

    def __init__(self, places: Iterable[Path], kept: int = KEPT_FREE) -> None:
        self._kept = {place: min(kept, free_bytes(place) // 4) for place in places if place.is_dir()}

    def check(self) -> None:
        """Raises SourceError if a place has less free space than the reserve."""
        for place, kept in self._kept.items():
            if free_bytes(place) < kept:
                raise SourceError(f"the disk is nearly full at {place}: make room and try again")

    def is_short(self) -> bool:
        """Returns whether so little space is left that it may be the reason for a failed write."""
        return any(free_bytes(place) < 2 * kept for place, kept in self._kept.items())

    def watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yields the pieces for writing, and checks the free space every 16 MiB. Raises SourceError."""
        since = _BYTES_BETWEEN_CHECKS
        for piece in pieces:
            since += len(piece)
            if since >= _BYTES_BETWEEN_CHECKS:
                since = 0
                self.check()
            yield piece
