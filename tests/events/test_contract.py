"""Events are checked against shared/events/events.json: their names here, their fields whenever one is written."""

import ast
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events.log import Event, EventLog, RunOrigin, contract, contract_problems, severity_of

ROOT = Path(__file__).parents[2]
NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
GOOD = {"database": "a", "kind": "daily", "backup_id": "b"}


def written(event: Event, fields: Mapping[str, object], *, as_json: bool = True, **changes: object) -> str:
    stream = io.StringIO()
    log = EventLog(stream, as_json=as_json, clock=lambda: NOON, **changes)  # type: ignore[arg-type]
    log.emit(event, "said", fields)  # type: ignore[arg-type]
    return stream.getvalue()


def test_code_and_events_json_have_the_same_events() -> None:
    assert {event.value for event in Event} == set(contract()["events"])


def test_each_event_is_used_in_the_code() -> None:
    assert set(_members_used()) == set(Event)


def _members_used() -> Iterator[Event]:
    for folder in ("jobs", "litekeep", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Event":
                    yield Event[node.attr]


@pytest.mark.parametrize("event", Event)
def test_event_with_required_fields_is_written_in_cloud_loggings_form(event: Event) -> None:
    samples = {"string": "x", "integer": 3, "number": 1.5}
    about, types = contract()["events"][event], contract()["fields"]
    fields = {name: samples[types[name]["type"]] for name in about["required"]}
    fields |= {name: allowed[0] for name, allowed in about.get("values", {}).items()}
    line = json.loads(written(event, fields))
    assert line == {
        "severity": severity_of(event),
        "message": "said",
        "time": "2024-01-15T12:00:00Z",
        "event": event.value,
        **fields,
    }


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"database": "a", "kind": "daily"}, "backup_id is missing"),
        (GOOD | {"rows": 3}, "rows is not one of its fields"),
        (GOOD | {"database": 3}, "database is not a string"),
        (GOOD | {"duration_seconds": "3"}, "duration_seconds is not a number"),
        (GOOD | {"duration_seconds": True}, "duration_seconds is not a number"),
        (GOOD | {"duration_seconds": float("nan")}, "duration_seconds is not a number"),
    ],
)
def test_event_that_differs_from_the_contract_is_written_and_raises(fields: dict[str, object], problem: str) -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match=problem):
        EventLog(stream, as_json=True).emit(Event.VERIFY_SUCCEEDED, "said", fields)  # type: ignore[arg-type]
    assert json.loads(stream.getvalue())["event"] == "verify.succeeded"


def test_value_that_is_not_allowed_is_a_contract_problem() -> None:
    fields = {"database": "a", "kind": "daily", "reason": "because"}
    problem = "reason is not one of unchanged, slot taken, disabled, overrun"
    assert contract_problems(Event.BACKUP_SKIPPED, fields) == [problem]


def test_fields_that_are_none_are_left_out() -> None:
    assert "duration_seconds" not in json.loads(written(Event.VERIFY_SUCCEEDED, GOOD | {"duration_seconds": None}))


def test_labels_and_trace_use_cloud_loggings_field_names() -> None:
    origin = RunOrigin({"execution": "e-1", "task_index": "0"}, "projects/p/traces/00")
    line = json.loads(written(Event.VERIFY_SUCCEEDED, GOOD, origin=origin))
    assert line["logging.googleapis.com/labels"] == {"execution": "e-1", "task_index": "0"}
    assert line["logging.googleapis.com/trace"] == "projects/p/traces/00"


@settings(max_examples=150, deadline=None)
@given(st.text(), st.booleans())
def test_event_is_one_printable_line_for_any_name(name: str, as_json: bool) -> None:
    line = written(Event.VERIFY_SUCCEEDED, GOOD | {"database": name}, as_json=as_json)
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    line.encode()


def test_only_audit_events_go_to_the_audit_file() -> None:
    kept: list[str] = []
    written(Event.VERIFY_SUCCEEDED, GOOD, keep_audit=kept.append)
    deed = {"actor": "me", "action": "verify", "target": "t", "outcome": "succeeded"}
    written(Event.AUDIT, deed, as_json=False, keep_audit=kept.append)
    assert [json.loads(line)["event"] for line in kept] == ["audit"]
