"""Rules that delete sooner than those of the last cleanup are refused until a dry run has shown them."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.clock import utc_now
from shared.model.lock_names import RULES, parse_rules_record, rules_record
from shared.stores import open_store
from shared.stores.interface import Store
from tests.cli.conftest import Workplace, workplace  # noqa: F401 - a fixture
from tests.jobs.conftest import sample  # noqa: F401 - a fixture
from tests.retention.cleanup.shelf import ids, put

FORTY = {"BACKUP_RETENTION": "daily=40d", "BACKUP_KEY": "file:none.key"}
TWENTY = {"BACKUP_RETENTION": "daily=20d", "BACKUP_KEY": "file:none.key"}
CHANGE = "daily 40 d, now 20 d"


@pytest.fixture
def place(workplace: Workplace) -> Workplace:  # noqa: F811
    """A store cleaned once with a rule of 40 days; `b30` is over 20 days old and under 40."""
    store = open_store(str(workplace.store))
    for age in (1, 2, 3, 4):
        put(store, age)
    put(store, 30, keep_until=utc_now() - timedelta(days=10))
    workplace.good("cleanup", **FORTY)
    assert ids(store) == {"b1", "b2", "b3", "b4", "b30"}
    return workplace


def left(place: Workplace) -> set[str]:
    return ids(open_store(str(place.store)))


def records(store: Store) -> list[bool]:
    found = [parse_rules_record(item.name) for item in store.list_objects(RULES)]
    return [applied for _, applied in sorted(each for each in found if each)]


def test_shorter_rules_are_refused_with_old_and_new_values(place: Workplace) -> None:
    refused = place.run("cleanup", **TWENTY)
    assert (refused.code, left(place)) == (1, {"b1", "b2", "b3", "b4", "b30"})
    assert CHANGE in refused.err
    assert "litekeep cleanup --dry-run" in refused.err


def test_job_refuses_shorter_rules_with_a_failed_event(place: Workplace) -> None:
    ran = place.run(module="jobs.cleanup", CLOUD_RUN_JOB="litekeep-cleanup", **TWENTY)
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 1
    (failed,) = [each for each in events if each["event"] == "cleanup.failed"]
    assert CHANGE in failed["message"]


def test_shorter_rules_apply_after_a_dry_run(place: Workplace) -> None:
    shown = place.run("cleanup", "--dry-run", **TWENTY)
    assert shown.code == 1
    assert (
        f"these rules delete sooner than those of the last cleanup: {CHANGE}; the next cleanup applies them"
        in shown.err
    )
    place.good("cleanup", **TWENTY)
    assert left(place) == {"b1", "b2", "b3", "b4"}
    assert records(open_store(str(place.store))) == [True, False, True]


def test_dry_run_with_other_rules_does_not_count(place: Workplace) -> None:
    place.run("cleanup", "--dry-run", **TWENTY | {"BACKUP_RETENTION": "daily=21d"})
    assert place.run("cleanup", **TWENTY).code == 1
    assert "b30" in left(place)


def test_force_applies_shorter_rules_at_once(place: Workplace) -> None:
    place.good("cleanup", "--force", **TWENTY)
    assert left(place) == {"b1", "b2", "b3", "b4"}


def test_smaller_min_keep_and_other_environment_are_shorter_rules(place: Workplace) -> None:
    assert "BACKUP_MIN_KEEP 3, now 1" in place.run("cleanup", BACKUP_MIN_KEEP="1", **FORTY).err
    place.good("cleanup", ENVIRONMENT="production", **FORTY)
    assert "weekly 90 d, now 7 d" in place.run("cleanup", ENVIRONMENT="development", **FORTY).err


def test_longer_and_unchanged_rules_are_applied_and_recorded_once(place: Workplace) -> None:
    place.good("cleanup", **FORTY)
    place.good("cleanup", **FORTY | {"BACKUP_RETENTION": "daily=50d"})
    place.good("cleanup", "--dry-run", **FORTY | {"BACKUP_RETENTION": "daily=50d"})
    assert records(open_store(str(place.store))) == [True, True]


@pytest.mark.parametrize("content", [b"", b"[" * 5000, b'{"rules": {"daily": 1e999}}', b'{"rules": 3}'])
def test_invalid_rules_record_is_ignored(place: Workplace, content: bytes) -> None:
    path = Path(place.store) / rules_record(utc_now(), applied=True)
    path.write_bytes(content)
    assert CHANGE in place.run("cleanup", **TWENTY).err
