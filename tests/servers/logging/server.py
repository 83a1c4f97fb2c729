"""WriteLogEntries and ListLogEntries of google.logging.v2.LoggingServiceV2, on loopback, with faults on demand."""

import json
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.cloud.logging_v2.types import (
    ListLogEntriesRequest,
    ListLogEntriesResponse,
    LogEntry,
    WriteLogEntriesRequest,
    WriteLogEntriesResponse,
)
from google.protobuf import json_format

from tests.servers.rpc import Method, serving

_SERVICE = "google.logging.v2.LoggingServiceV2"
_TERM = re.compile(r'([A-Za-z_.]+)(=|>=)("(?:[^"\\]|\\.)*")')


class LoggingServer:
    """`entries` are the stored ones, in order of arrival; `may_write` and `may_read` apply to every caller."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.may_write = self.may_read = True
        self.calls = 0
        self.endpoint = ""
        self._faults: deque[grpc.StatusCode] = deque()
        self._lose = 0

    def fail(self, *faults: grpc.StatusCode) -> None:
        """Fails the next calls with these statuses, one each."""
        self._faults.extend(faults)

    def lose_answers(self, count: int) -> None:
        """Executes the next `count` writes but loses their responses."""
        self._lose += count

    def payloads(self, log: str) -> list[dict[str, Any]]:
        """Returns the payloads written to the log `projects/P/logs/NAME`."""
        return [_payload(entry) for entry in self.entries if entry.log_name == log]

    @contextmanager
    def running(self) -> Iterator["LoggingServer"]:
        methods: dict[str, Method] = {
            "WriteLogEntries": (self._write, WriteLogEntriesRequest, WriteLogEntriesResponse),
            "ListLogEntries": (self._list, ListLogEntriesRequest, ListLogEntriesResponse),
        }
        with serving(_SERVICE, methods) as self.endpoint:
            yield self

    def _begin(self, allowed: bool, context: grpc.ServicerContext) -> None:
        self.calls += 1
        if self._faults:
            context.abort(self._faults.popleft(), "injected fault")
        if not allowed:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "Permission denied for the caller.")

    def _write(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._begin(self.may_write, context)
        known = {(entry.log_name, entry.insert_id, entry.timestamp) for entry in self.entries}
        for entry in request.entries:
            entry.log_name = entry.log_name or request.log_name
            if not re.fullmatch(r"[\w.-]{1,512}", entry.insert_id):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "insert_id is not valid")
            if not re.fullmatch(r"projects/[a-z0-9.:-]+/logs/[A-Za-z0-9/_.-]{1,511}", entry.log_name):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "log_name is not valid")
            entry.resource = entry.resource if entry.resource.type else request.resource
            entry.labels = {**request.labels, **entry.labels}
            if (entry.log_name, entry.insert_id, entry.timestamp) not in known:
                entry.receive_timestamp = datetime.now(UTC)
                self.entries.append(entry)
        if self._lose:
            self._lose -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "the response is lost")
        return WriteLogEntriesResponse()

    def _list(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._begin(self.may_read, context)
        terms = request.filter.split(" AND ")
        parsed = [found for term in terms if (found := _TERM.fullmatch(term))]
        if len(parsed) != len(terms):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the filter cannot be parsed")
        matching = [entry for entry in self.entries if all(_matches(entry, *term.groups()) for term in parsed)]
        matching.sort(key=lambda entry: entry.timestamp)
        at, size = int(request.page_token or 0), request.page_size or 50
        more = str(at + size) if at + size < len(matching) else ""
        return ListLogEntriesResponse(entries=matching[at : at + size], next_page_token=more)


def _matches(entry: LogEntry, field: str, operator: str, text: str) -> bool:
    wanted = json.loads(text)
    if field == "timestamp":
        return bool(entry.timestamp >= datetime.fromisoformat(wanted)) and operator == ">="
    if field == "logName":
        return bool(entry.log_name == wanted)
    value: Any = _payload(entry)
    for name in field.split(".")[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return field.startswith("jsonPayload.") and str(value).casefold() == wanted.casefold()


def _payload(entry: LogEntry) -> dict[str, Any]:
    found: dict[str, Any] = json_format.MessageToDict(LogEntry.pb(entry).json_payload)
    return found
