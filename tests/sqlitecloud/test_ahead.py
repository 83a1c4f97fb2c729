"""Steps asked for ahead of time: as many as there are, never more, and one by one when that did not work."""

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
def test_every_step_is_asked_for_exactly_once_and_few_wait(size: int, step: int) -> None:
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
def test_a_node_whose_steps_vary_always_has_a_request_while_bytes_are_left(steps: list[int]) -> None:
    ahead, left = RequestsAhead(sum(steps)), sum(steps)
    ahead.sent()
    for length in steps:
        assert ahead.waiting > 0
        ahead.arriving(length)
        left -= length


@pytest.mark.parametrize("step", [1000, 2048, 1 << 20])
def test_the_node_is_asked_for_each_step_once(server: Server, located: Located, tmp_path: Path, step: int) -> None:
    server.settings["download_chunk_size"] = str(step)
    snapshot_cloud(located(), tmp_path / "s.db", watch=lambda *_: None)
    size = (tmp_path / "s.db").stat().st_size
    (connection,) = server.connections
    assert connection.requests.count("DOWNLOAD STEP") == -(-size // step)


def test_where_larger_steps_leave_replies_over_the_connection_is_closed(server: Server, located: Located) -> None:
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


def test_after_a_broken_connection_steps_are_asked_for_one_by_one(
    server: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.settings["download_chunk_size"] = "1024"
    server.faults.cut("DOWNLOAD STEP", 700, nth=3)
    how: list[bool] = []
    transfers: set[Transfer | None] = set()
    save = Session.save_download

    def watched(self: Session, *arguments: object, one_by_one: bool = False, transfer: Transfer | None = None) -> None:
        how.append(one_by_one)
        transfers.add(transfer)
        save(self, *arguments, one_by_one=one_by_one, transfer=transfer)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "save_download", watched)
    snapshot_cloud(located(), tmp_path / "s.db", watch=lambda *_: None)
    assert how == [False, True]
    assert len(transfers) == 1, "both attempts have the same end"
    assert None not in transfers


def test_one_by_one_no_request_is_sent_before_the_last_reply_is_there(server: Server, located: Located) -> None:
    server.settings["download_chunk_size"] = "1024"
    saved, size = 0, (server.data / NAME).stat().st_size
    seen: list[bool] = []

    def save(piece: memoryview) -> None:
        nonlocal saved
        saved += len(piece)

    def look(_: object) -> None:
        seen.append(saved == len(seen) * 1024)

    server.faults.before("DOWNLOAD STEP", look, times=None)
    with Session(located().address) as session:
        session.save_download(session.start_download(NAME), save, lambda *_: None, one_by_one=True)
        assert not session.closed
        assert session.value("GET USER")
    assert seen == [True] * (size // 1024)
