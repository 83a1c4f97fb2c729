"""A cycle on a bucket that ends at any of its requests: listed points restore, and the next cycle succeeds.

The request is refused, refused after the server did the work, or the process gets SIGTERM or SIGKILL: at the first
request, at the second, and so on, until a cycle completes.
"""

import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest

from shared.catalog.opening import open_manifest
from shared.continuous.path import Parents, path_to
from shared.continuous.rebuild import rebuild_pages
from shared.errors import LitekeepError
from shared.keys.keyfile import KeyFile
from shared.model.names import automatic_id
from shared.operations.continuous.cycle import Memory, Quiet, run_cycle
from shared.stores.gcs import BucketStore, Patience
from shared.terminal.endings import Stopped
from tests.continuous.yard import MINUTE, Yard
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port
from tests.servers.gcs.proxy import Answer, Fault, Proxy, Refuse, Seen

__all__ = ["bucket", "gcs", "gcs_port"]

QUICK = Patience(first_delay=0.001, request=2, chunk=2)


@pytest.fixture
def yard(tmp_path: Path, gcs: Proxy, bucket: str) -> Yard:
    """A chain of a base and a point, so that a cycle has a path to read."""
    yard = Yard(tmp_path, KeyFile.create(tmp_path / "app.key"))
    yard.store = BucketStore(bucket, "some/prefix", QUICK)
    yard.cycle()
    yard.point("UPDATE t SET x = randomblob(300) WHERE id = 1")
    return yard


def nth(number: int) -> Callable[[Seen], bool]:
    left = [number]

    def matches(_seen: Seen) -> bool:
        left[0] -= 1
        return left[0] < 0

    return matches


class _Signals(Fault):
    """Sends a signal to the requesting process; after SIGKILL the request is not forwarded."""

    def __init__(self, number: int, what: signal.Signals) -> None:
        super().__init__(nth(number))
        self.pid, self._what = 0, what

    def strike(self, seen: Seen, forward: Callable[[], Answer]) -> Answer | None:
        os.kill(self.pid, self._what)
        return None if self._what is signal.SIGKILL else forward()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped


def _in_a_process(yard: Yard, fault: _Signals) -> None:
    """Run a cycle in a child process, which may be killed."""
    yard.now += MINUTE
    assert isinstance(yard.store, BucketStore)
    name = yard.store.url.removeprefix("gs://").split("/")[0]
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGTERM, _stop)
            fault.pid = os.getpid()
            yard.store = BucketStore(name, "some/prefix", QUICK)
            os.read(ready, 1)
            run_cycle(yard.options, clock=lambda: yard.now)
            code = 0
        finally:
            os._exit(code)
    fault.pid = pid
    os.write(go, b"x")
    os.waitpid(pid, 0)


ready, go = os.pipe()


def _refused(yard: Yard, gcs: Proxy, number: int, *, after: bool) -> None:
    gcs.faults[:] = [Refuse(nth(number), 403, after=after)]
    with suppress(LitekeepError):
        yard.cycle()


def _signalled(yard: Yard, gcs: Proxy, number: int, what: signal.Signals) -> None:
    fault = _Signals(number, what)
    gcs.faults[:] = [fault]
    _in_a_process(yard, fault)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda *each: _refused(*each, after=False), id="refused"),
        pytest.param(lambda *each: _refused(*each, after=True), id="refused after the work"),
        pytest.param(lambda *each: _signalled(*each, signal.SIGTERM), id="stopped"),
        pytest.param(lambda *each: _signalled(*each, signal.SIGKILL), id="killed"),
    ],
)
def test_cycle_ending_at_any_request_leaves_only_good_points(
    yard: Yard, gcs: Proxy, end: Callable[[Yard, Proxy, int], None]
) -> None:
    number, first = 0, {item.name for item in yard.store.list_objects()}
    while True:
        yard.write(f"UPDATE t SET x = randomblob(300) WHERE id = {number + 10}")
        asked = len(gcs.seen)
        end(yard, gcs, number)
        gcs.faults.clear()
        asked = len(gcs.seen) - asked
        _check_what_is_new(yard)
        yard.point("UPDATE t SET x = randomblob(300) WHERE id = 9")
        if asked <= number:
            _check_what_is_new(yard)
            break
        for item in yard.store.list_objects():  # so that every cycle makes the same requests
            if item.name not in first:
                yard.store.delete(item.name, item.generation)
        number += 1
    assert number > 8


def _check_what_is_new(yard: Yard) -> None:
    """Check that listed points are good and restore the database as it was."""
    points = yard.points()
    assert [backup.wrong for backup in points if not backup.good] == []
    for backup in points[2:]:
        yard.was.setdefault(backup.name.id, yard.image())
        manifest, data_key = open_manifest(yard.catalog, backup, yard.key)
        with yard.room() as target:
            rebuild_pages(yard.store, path_to(yard.store, manifest, data_key, Parents(yard.key)), target)
            assert target.read_bytes() == yard.was[backup.name.id]


def test_job_cycle_without_changes_takes_three_requests(yard: Yard, gcs: Proxy) -> None:
    yard.write("DELETE FROM t WHERE id = 1")
    os.utime(yard.path, (1_700_000_000, 1_700_000_000))  # a recent modification time is not trusted
    yard.cycle()
    asked = len(gcs.seen)
    assert isinstance(yard.cycle(), Quiet)
    assert [seen.method for seen in gcs.seen[asked:]] == ["GET", "GET", "POST"]
    assert gcs.seen[asked].query["startOffset"] == "some/prefix/continuous/app.db/backup-2024-01-14-120400"


def test_loop_makes_a_point_without_listing(yard: Yard, gcs: Proxy, tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    memory = Memory(tmp_path / "memory")
    yard.point("UPDATE t SET x = randomblob(300) WHERE id = 1", memory)
    asked = len(gcs.seen)
    yard.point("UPDATE t SET x = randomblob(300) WHERE id = 2", memory)
    assert [seen for seen in gcs.seen[asked:] if "prefix" in seen.query] == []


def test_point_started_with_a_daily_backup_gets_a_unique_id(yard: Yard) -> None:
    usual = automatic_id(yard.now + MINUTE)
    yard.store.create(f"daily/app.db/{usual}.manifest.json", b"{}", {})
    made = yard.point("UPDATE t SET x = randomblob(300) WHERE id = 1")
    assert re.fullmatch(rf"{usual}-[0-9a-f]{{4}}", made.id)
