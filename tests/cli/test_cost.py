"""`litekeep cost`: computed from a listing and a dated price file; items without a price are named."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Workplace
from tests.cli.test_audit import operations
from tests.cli.test_google import in_cloud
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Proxy
from tests.servers.kms.fixture import kms  # noqa: F401 - fixture

__all__ = ["in_cloud"]


@pytest.fixture
def ready(workplace: Workplace) -> Workplace:
    workplace.good("backup", "--name", "one", "--verify")
    return workplace


def test_cost_json_has_the_documented_fields(ready: Workplace) -> None:
    found = ready.good("cost", "--json").json
    assert found["currency"] == "USD"
    assert 0 < found["monthly"] < 0.01
    assert list(found["by_kind"]) == ["on-demand", "other"]  # the audit trail has no kind
    assert list(found["by_class"]) == ["STANDARD"]
    assert list(found["by_database"]) == ["app.db"]
    assert found["advice"] == []
    assert any("Cloud Run" in note for note in found["not_counted"])


def test_cost_of_a_bucket_needs_only_listings(in_cloud: Workplace, gcs: Proxy) -> None:  # noqa: F811
    in_cloud.good("backup", "--name", "one")
    before = len(gcs.seen)
    found = in_cloud.good("cost", "--location", "europe-west1", "--json").json
    assert len(gcs.seen) - before == 2  # one for live and one for soft-deleted objects
    # KMS: 0.06 for a version and 0.000003 for one wrapping; 0.000015 for the 3 objects of a backup
    assert found["monthly"] == pytest.approx(0.060018, abs=0.0001)


def test_own_price_file_is_used_and_a_wrong_one_is_named(ready: Workplace, one_line) -> None:  # type: ignore[no-untyped-def]
    own = {
        "currency": "EUR",
        "read": "2026-01-01",
        "least_days": {"STANDARD": 0},
        "storage_gib_month": {"cellar": {"STANDARD": 1000}},
    }
    (ready.folder / "own.json").write_text(json.dumps(own))
    found = ready.good("cost", "--prices", "own.json", "--location", "cellar", "--json").json
    assert (found["currency"], found["monthly"] > 0.01) == ("EUR", True)
    assert "writes: no price" in found["not_counted"]
    (ready.folder / "bad.json").write_text(json.dumps(own | {"storage_gib_month": {"cellar": {"STANDARD": -1}}}))
    assert "storage_gib_month.cellar.STANDARD" in one_line(ready.run("cost", "--prices", "bad.json"), 2)
    assert "cannot read --prices none.json" in one_line(ready.run("cost", "--prices", "none.json"), 2)
    assert "has no sourced price" in one_line(ready.run("cost", "--location", "mars"), 2)


def test_cost_review_writes_a_page_and_an_audit_event(ready: Workplace) -> None:
    name = ready.good("cost", "review", "--json").json["object"]
    page = (Path(ready.store) / name).read_text()
    assert "# Cost review of" in page
    assert "| on-demand |" in page
    assert "cloud.google.com/storage/pricing" in page
    assert ("cost review", "succeeded", None) in operations(ready)
    assert ready.good("list", "--json").json[0]["id"] == "one"
