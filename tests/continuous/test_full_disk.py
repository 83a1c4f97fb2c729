"""A store that fills up at any step of a cycle: listed points restore, and the next cycle succeeds."""

import os
from contextlib import suppress

from shared.errors import LitekeepError
from shared.operations.backup.take import Taken
from shared.stores.folder import FolderStore
from tests.continuous.yard import Yard
from tests.sqlite.mounts import tiny_disk

_STEP = 16 << 10  # additional bytes of room per cycle


def test_full_disk_during_a_cycle_leaves_only_good_points(yard: Yard) -> None:
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
    """Run a cycle with `room` bytes left on the disk. Returns whether it made a point."""
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
