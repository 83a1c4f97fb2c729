"""Request-ahead of downloads: each step is requested once, and one by one after a failure."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.sqlitecloud.ahead import RequestsAhead
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.pace import Transfer
from shared.sqlitecloud.session import Session
from shared.sqlitecloud.snapshot import snapshot_cloud
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME

Located = Callable[..., CloudLocation]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5_000_000), st.sampled_from([7, 1000, 65_536, 524_288, 8 << 20]))
def test_every_step_is_requested_once_and_few_are_pending(size: int, step: int) -> None:
    size = max(1, size // max(1, 65_536 // step))
    ahead, left, asked = RequestsAhead(size), size, 0
    while left:
        if not ahead.waiting:
            ahead.sent()
            asked += 1
        length = min(step, left)
        left -= length
        asked += ahead.arriving(length)
        assert 0 <= ahead.waiting <= 64
        assert ahead.waiting * step <= 4 << 20
        assert not ahead.waiting or step < 256 << 10
    assert ahead.waiting == 0
    assert asked == -(-size // step)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=50))
def test_steps_of_varying_size_always_leave_a_pending_request(steps: list[int]) -> None:
    ahead, left = RequestsAhead(sum(steps)), sum(steps)
    ahead.sent()
    for length in steps:
        assert ahead.waiting > 0
        ahead.arriving(length)
        left -= length


@pytest.mark.parametrize("step", [1000, 2048, 1 << 20])
def test_node_gets_one_request_per_step(server: Server, located: Located, tmp_path: Path, step: int) -> None:
    server.settings["download_chunk_size"] = str(step)
    snapshot_cloud(located(), tmp_path / "s.db", watch=lambda *_: None)
    size = (tmp_path / "s.db").stat().st_size
    (connection,) = server.connections
    assert connection.requests.count("DOWNLOAD STEP") == -(-size // step)


def test_connection_is_closed_when_replies_are_left_over(server: Server, located: Located) -> None:
    server.settings["download_chunk_size"] = "1000"

    def enlarge(_: object) -> None:
        server.settings["download_chunk_size"] = "100000"

    server.faults.before("DOWNLOAD STEP", enlarge, nth=2)
    got = bytearray()
    with Session(located().address) as session:
        announced = session.start_download(NAME)
        session.save_download(announced, got.extend, lambda *_: None)
        assert session.closed
    assert len(got) == announced.size


def test_broken_connection_is_retried_without_request_ahead(
    server: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.settings["download_chunk_size"] = "1024"
    server.faults.cut("DOWNLOAD STEP", 700, nth=3)
    modes: list[bool] = []
    transfers: set[Transfer | None] = set()
    save = Session.save_download

    def watched(self: Session, *arguments: object, one_by_one: bool = False, transfer: Transfer | None = None) -> None:
        modes.append(one_by_one)
        transfers.add(transfer)
        save(self, *arguments, one_by_one=one_by_one, transfer=transfer)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "save_download", watched)
    snapshot_cloud(located(), tmp_path / "s.db", watch=lambda *_: None)
    assert modes == [False, True]
    assert len(transfers) == 1, "both attempts share one time limit"
    assert None not in transfers


def test_one_by_one_sends_no_request_before_the_last_reply(server: Server, located: Located) -> None:
    server.settings["download_chunk_size"] = "1024"
    saved, size = 0, (server.data / NAME).stat().st_size
    seen: list[bool] = []

    def save(piece: memoryview) -> None:
        nonlocal saved
        saved += len(piece)

    def record(_: object) -> None:
        seen.append(saved == len(seen) * 1024)

    server.faults.before("DOWNLOAD STEP", record, times=None)
    with Session(located().address) as session:
        session.save_download(session.start_download(NAME), save, lambda *_: None, one_by_one=True)
        assert not session.closed
        assert session.value("GET USER")
    assert seen == [True] * (size // 1024)
