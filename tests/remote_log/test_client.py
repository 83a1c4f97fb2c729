"""The Cloud Logging client and the sender, against a local server that speaks Cloud Logging's protocol."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest

from shared.remote_log.client import CloudLog, LoggingFailed
from shared.remote_log.lines import LogLine
from shared.remote_log.sender import Sender
from tests.servers.logging.fixture import LOG, logging  # noqa: F401 - a fixture
from tests.servers.logging.server import LoggingServer

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def line(number: int, **fields: Any) -> LogLine:
    return LogLine(f"id-{number}", NOON + timedelta(seconds=number), "ERROR", {"event": "backup.failed"} | fields)


def log(server: LoggingServer, name: str = LOG, patience: float = 10.0) -> CloudLog:
    return CloudLog(name, {"host": "vm-1"}, endpoint=server.endpoint, patience=patience)


def test_line_arrives_as_a_structured_entry(logging: LoggingServer) -> None:  # noqa: F811
    log(logging).write([line(1, database="näh/shop", rows=3, share=0.5, kind=None)])
    (entry,) = logging.entries
    assert (entry.log_name, entry.severity, entry.timestamp) == (LOG, 500, NOON + timedelta(seconds=1))
    assert (entry.resource.type, dict(entry.resource.labels)) == ("global", {"project_id": "acme-prod"})
    assert dict(entry.labels) == {"host": "vm-1"}
    fields = {"event": "backup.failed", "database": "näh/shop", "rows": 3.0, "share": 0.5, "kind": None}
    assert logging.payloads(LOG) == [fields]


def test_line_is_stored_once_after_a_lost_response(logging: LoggingServer) -> None:  # noqa: F811
    logging.lose_answers(1)
    log(logging).write([line(1), line(2)])
    assert logging.calls == 2
    assert len(logging.payloads(LOG)) == 2


def test_transient_error_is_retried(logging: LoggingServer) -> None:  # noqa: F811
    logging.fail(grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    log(logging).write([line(1)])
    assert len(logging.entries) == 1


def test_written_entries_are_read_across_pages_and_matched_exactly(logging: LoggingServer) -> None:  # noqa: F811
    own = log(logging)
    for begin in range(0, 2200, 100):
        own.write([line(number, store="gs://a", count=number) for number in range(begin, begin + 100)])
    own.write([line(3000, store="gs://A"), line(3001, store='x" OR "y')])
    log(logging, f"{LOG}-other").write([line(1, store="gs://a")])
    assert [fields["count"] for fields in own.read({"store": "gs://a"}, NOON)] == list(range(2200))
    assert len(list(own.read({"store": "gs://a"}, NOON + timedelta(seconds=2000)))) == 200
    assert [fields["store"] for fields in own.read({"store": 'x" OR "y'}, NOON)] == ['x" OR "y']


def test_permission_denied_names_the_missing_role(logging: LoggingServer) -> None:  # noqa: F811
    logging.may_write = logging.may_read = False
    with pytest.raises(LoggingFailed, match=r"permission denied.*grant this identity roles/logging.logWriter"):
        log(logging).write([line(1)])
    with pytest.raises(LoggingFailed, match=r"permission denied.*grant this identity roles/logging.viewer"):
        list(log(logging).read({}, NOON))


def test_unreachable_log_is_reported(logging: LoggingServer) -> None:  # noqa: F811
    logging.fail(*[grpc.StatusCode.UNAVAILABLE] * 100)
    with pytest.raises(LoggingFailed, match=r"not reachable for 0.2 s: check the network"):
        log(logging, patience=0.2).write([line(1)])


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def event(severity: str = "INFO") -> dict[str, Any]:
    return {"severity": severity, "time": "t", "event": "backup.succeeded", "message": "said"}


def test_events_are_sent_in_batches_and_errors_immediately(logging: LoggingServer, clock: Clock) -> None:  # noqa: F811
    reports: list[str | None] = []
    sender = Sender(lambda: log(logging), reports.append, clock)
    for _ in range(99):
        sender.add(event())
    assert logging.calls == 0
    sender.add(event())
    assert (logging.calls, len(logging.entries)) == (1, 100)
    sender.add(event())
    sender.add(event("ERROR"))
    assert (logging.calls, len(logging.entries)) == (2, 102)
    sender.add(event())
    clock.now += timedelta(seconds=11)
    sender.add(event())
    assert (logging.calls, len(logging.entries)) == (3, 104)
    sender.flush()
    assert logging.calls == 3
    assert reports == [None, None, None]
    assert logging.payloads(LOG)[0] == {"event": "backup.succeeded", "message": "said"}
    assert len({entry.insert_id for entry in logging.entries}) == 104


def test_failed_send_is_reported_and_retried_a_minute_later(logging: LoggingServer, clock: Clock) -> None:  # noqa: F811
    reports: list[str | None] = []
    sender = Sender(lambda: log(logging), reports.append, clock)
    logging.may_write = False
    sender.add(event("ERROR"))
    sender.add(event("ERROR"))
    assert (len(reports), logging.calls) == (1, 1)
    logging.may_write = True
    clock.now += timedelta(minutes=1)
    sender.flush()
    assert (len(logging.entries), reports[1:]) == (2, [None])


def test_missing_library_is_reported(clock: Clock) -> None:
    def absent() -> CloudLog:
        raise ImportError

    reports: list[str | None] = []
    Sender(absent, reports.append, clock).add(event("ERROR"))
    assert reports == ["Google's library for it is not installed"]
