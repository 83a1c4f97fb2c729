"""shared/events/events.json says of each event and field what alerts, metrics and people need to know."""

import json

import pytest

from tests.terraform.workbench import EVENTS

CONTRACT = json.loads(EVENTS.read_text())


@pytest.mark.parametrize("name", CONTRACT["events"])
def test_an_event_has_a_severity_a_meaning_and_known_fields(name: str) -> None:
    event = CONTRACT["events"][name]
    assert event["severity"] in {"INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "EMERGENCY"}
    assert event["meaning"].endswith(".")
    fields = [*event["required"], *event["optional"]]
    assert set(fields) <= set(CONTRACT["fields"])
    assert len(fields) == len(set(fields)), "a field is named twice"
    assert set(event.get("values", {})) <= set(fields)


def test_what_failed_is_an_error() -> None:
    for name, event in CONTRACT["events"].items():
        assert (event["severity"] == "ERROR") >= name.endswith(".failed"), name


def test_a_field_has_one_type_and_one_unit_and_is_used() -> None:
    used = {field for event in CONTRACT["events"].values() for field in [*event["required"], *event["optional"]]}
    assert set(CONTRACT["fields"]) == used | set(CONTRACT["always"])
    for name, field in CONTRACT["fields"].items():
        assert field["type"] in {"string", "integer", "number"}, name
        assert (field["unit"] is None) == (field["type"] == "string"), name
        assert field["meaning"], name


def test_names_stand_in_the_order_of_the_alphabet() -> None:
    assert list(CONTRACT["events"]) == sorted(CONTRACT["events"])
    assert list(CONTRACT["fields"]) == sorted(CONTRACT["fields"])
