"""A store that fills up at any place of a cycle: what is listed comes back, and the next cycle goes on."""

import os
from contextlib import suppress

from shared.errors import LitekeepError
from shared.operations.backup import Taken
from shared.stores.folder import FolderStore
from tests.continuous.yard import Yard
from tests.sqlite.mounts import tiny_disk

_STEP = 16 << 10  # bytes of room more from cycle to cycle


def test_a_disk_that_fills_up_in_a_cycle_leaves_only_whole_points_and_the_next_goes_on(yard: Yard) -> None:
    disk = yard.folder / "disk"
    disk.mkdir()
    with tiny_disk(disk, "2m"):
        yard.store = FolderStore(disk / "store")
        yard.cycle()
        taken = [_cycle_with(yard, room) for room in range(0, 14 * _STEP, _STEP)]
        assert taken[0] is False
        assert taken[-1] is True
        assert len(yard.points()) == 1 + sum(taken)
        yard.point("DELETE FROM t WHERE id > 300")
        yard.check_every_point()


def _cycle_with(yard: Yard, room: int) -> bool:
    """A cycle with so many bytes of the disk left. Whether it made a point."""
    yard.write("UPDATE t SET x = randomblob(300) WHERE id % 3 = 0")
    found = os.statvfs(yard.folder / "disk")
    ballast = yard.folder / "disk/ballast"
    ballast.write_bytes(bytes(max(0, found.f_bavail * found.f_frsize - room)))
    taken = False
    try:
        with suppress(LitekeepError):
            taken = isinstance(yard.cycle(), Taken)
    finally:
        ballast.unlink()
    assert [backup.wrong for backup in yard.points() if not backup.good] == []
    return taken
