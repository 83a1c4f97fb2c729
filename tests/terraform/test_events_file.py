"""shared/events/events.json describes each event and field completely."""

import json

import pytest

from tests.terraform.workbench import EVENTS

CONTRACT = json.loads(EVENTS.read_text())


@pytest.mark.parametrize("name", CONTRACT["events"])
def test_event_has_severity_meaning_and_known_fields(name: str) -> None:
    event = CONTRACT["events"][name]
    assert event["severity"] in {"INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "EMERGENCY"}
    assert event["meaning"].endswith(".")
    fields = [*event["required"], *event["optional"]]
    assert set(fields) <= set(CONTRACT["fields"])
    assert len(fields) == len(set(fields)), "a field is named twice"
    assert set(event.get("values", {})) <= set(fields)


def test_failed_events_have_severity_error() -> None:
    for name, event in CONTRACT["events"].items():
        assert (event["severity"] == "ERROR") >= name.endswith(".failed"), name


def test_field_has_type_and_unit_and_is_used() -> None:
    used = {field for event in CONTRACT["events"].values() for field in [*event["required"], *event["optional"]]}
    assert set(CONTRACT["fields"]) == used | set(CONTRACT["always"])
    for name, field in CONTRACT["fields"].items():
        assert field["type"] in {"string", "integer", "number"}, name
        assert (field["unit"] is None) == (field["type"] == "string"), name
        assert field["meaning"], name


def test_names_are_sorted() -> None:
    assert list(CONTRACT["events"]) == sorted(CONTRACT["events"])
    assert list(CONTRACT["fields"]) == sorted(CONTRACT["fields"])
