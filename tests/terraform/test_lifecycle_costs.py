"""Terraform's lifecycle rules use the same table of storage classes as the advice of `litekeep cost`."""

import json
from datetime import timedelta

from shared.model.kinds import Kind, default_retention
from shared.operations.cost.lifecycle import MOVE_AFTER, cold_class
from shared.operations.cost.prices import read_prices
from tests.terraform.workbench import Workbench


def test_lifecycle_uses_the_storage_classes_of_the_cost_table(workbench: Workbench) -> None:
    rules = [
        rule for rule in _rules(workbench) if any(action["type"] == "SetStorageClass" for action in rule["action"])
    ]
    planned = {
        rule["condition"][0]["matches_prefix"][0].rstrip("/"): (
            rule["action"][0]["storage_class"],
            rule["condition"][0]["age"],
        )
        for rule in rules
    }
    least = read_prices().least_days
    wanted = {
        kind.value: (moved, MOVE_AFTER)
        for kind, kept in default_retention("production").items()
        if (moved := cold_class(kept / timedelta(days=1), least))
    }
    assert planned == wanted
    assert wanted == {Kind.WEEKLY.value: ("NEARLINE", 30), Kind.MILESTONE.value: ("COLDLINE", 30)}


def _rules(workbench: Workbench) -> list[dict]:  # type: ignore[type-arg]
    done = workbench.terraform("test", "-json", "-verbose", "-filter=tests/access.tftest.hcl")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        for change in message.get("test_plan", {}).get("resource_changes", []):
            if change["address"] == 'google_storage_bucket.store["primary"]':
                return list(change["change"]["after"]["lifecycle_rule"])
    raise AssertionError(f"terraform test planned no bucket:\n{done.stdout}{done.stderr}")
