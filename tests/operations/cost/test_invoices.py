"""Five invoices computed by hand, from the list prices in prices.json.

A month is 730 hours. Standard in us-central1: 0.02 a GiB, Nearline 0.01, Coldline 0.004; a write 0.005 and a read
0.0004 per 1,000; retrieval from Nearline 0.01 a GiB, from Coldline 0.02.
"""

from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import UsageError
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.cost.advice import Advice, advise
from shared.operations.cost.invoice import Invoice, Terms, make_invoice
from shared.operations.cost.prices import GIB, read_prices
from shared.operations.cost.usage import Item, Usage

NOW = datetime(2026, 11, 28, tzinfo=UTC)
PRICES = read_prices()


def backup(
    age_days: float,
    gib: float,
    *,
    kind: Kind = Kind.DAILY,
    database: str = "orders",
    kept: int = 30,
    storage_class: str = "STANDARD",
    verified_days_ago: float | None = None,
) -> list[Item]:
    """One backup: a page image of that size, a manifest of nothing, and a verdict if it was verified."""
    name = BackupName(kind, database, f"b-{age_days:g}")
    taken = NOW - timedelta(days=age_days)
    until = taken + timedelta(days=kept)
    items = [
        Item(kind.value, database, name, "sqlite", storage_class, int(gib * GIB), taken, until),
        Item(kind.value, database, name, "manifest", "STANDARD", 0, taken, until),
    ]
    if verified_days_ago is not None:
        verified = NOW - timedelta(days=verified_days_ago)
        items.append(Item(kind.value, database, name, "verdict", "STANDARD", 0, verified, until))
    return items


def invoice(*backups: list[Item], deleted: list[Item] | None = None, **terms: object) -> Invoice:
    usage = Usage([item for items in backups for item in items], deleted or [], in_bucket=True)
    return make_invoice(usage, PRICES, Terms(**terms), NOW)  # type: ignore[arg-type]


def advice(*backups: list[Item], deleted: list[Item] | None = None) -> dict[str, Advice]:
    usage = Usage([item for items in backups for item in items], deleted or [], in_bucket=True)
    return {each.change: each for each in advise(usage, PRICES, "us-central1", NOW)}


def test_thirty_daily_backups_in_standard() -> None:
    # 30 x 2 GiB x 0.02 = 1.20; 30 x 2 writes / 1000 x 0.005 = 0.0003
    found = invoice(*[backup(day + 0.5, 2) for day in range(30)])
    assert found.monthly == pytest.approx(1.2003)
    assert found.by("kind") == {"daily": pytest.approx(1.2003)}
    # as many are added as deleted: 30 days x 2 GiB x 0.02 = 1.20
    assert found.in_30_days == pytest.approx(1.2, rel=0.02)


def test_weekly_backups_mostly_in_nearline() -> None:
    # 13 weeks x 5 GiB: 5 younger than 30 days in Standard = 25 x 0.02 = 0.50; 8 in Nearline = 40 x 0.01 = 0.40
    # writes of the last 30 days: 5 x 2 / 1000 x 0.005 = 0.00005
    weeks = [7 * week + 1 for week in range(13)]
    old = {"storage_class": "NEARLINE"}
    found = invoice(*[backup(d, 5, kind=Kind.WEEKLY, kept=90, **(old if d > 30 else {})) for d in weeks])  # type: ignore[arg-type]
    assert found.monthly == pytest.approx(0.90005)
    assert found.by("storage_class") == {"NEARLINE": pytest.approx(0.4), "STANDARD": pytest.approx(0.50005)}


def test_verifying_coldline_milestone_costs_retrieval() -> None:
    # 10 GiB x 0.004 = 0.04 storage; 10 GiB x 0.02 = 0.20 retrieval; one verdict written 0.000005;
    # the manifest is in Standard: 1 read 0.0000004; reads in Coldline have no sourced price
    kept = {"kind": Kind.MILESTONE, "kept": 365, "storage_class": "COLDLINE", "verified_days_ago": 2}
    found = invoice(backup(200, 10, **kept))  # type: ignore[arg-type]
    assert found.monthly == pytest.approx(0.2400054)
    assert "operations in COLDLINE: no price" in found.not_counted


def test_continuous_backups_with_keys_runs_and_schedules() -> None:
    # 288 a day for 7 days, 0.01 GiB each: 2016 x 0.01 x 0.02 = 0.4032; writes 2016 x 2 / 1000 x 0.005 = 0.02016
    # keys: 1 x 0.06 + 2016 / 10000 x 0.03 = 0.06 + 0.006048
    # runs of 100 s on 2 vCPU, 4 GiB: 403,200 vCPU-s - 240,000 = 163,200 x 0.000018 = 2.9376;
    #   806,400 GiB-s - 450,000 = 356,400 x 0.000002 = 0.7128
    # schedules: 7 - 3 = 4 x 0.10 = 0.40
    many = [backup(number / 288 + 0.001, 0.01, kind=Kind.CONTINUOUS, kept=7) for number in range(2016)]
    found = invoice(*many, key_versions=1, schedules=7, run_seconds=100)
    assert found.by("kind") == {"continuous": pytest.approx(0.4032 + 0.02016 + 0.006048 + 2.9376 + 0.7128, rel=1e-4)}
    assert found.monthly == pytest.approx(4.079808 + 0.06 + 0.40, rel=1e-4)


def test_two_databases_in_another_location_with_soft_deleted_bytes() -> None:
    # europe-west2: Standard 0.023. orders 3 GiB = 0.069, users 1 GiB = 0.023; soft-deleted orders 4 GiB = 0.092
    # writes: 2 x 2 / 1000 x 0.005 = 0.00002
    gone = backup(40, 4)[:1]
    found = invoice(backup(1, 3), backup(2, 1, database="users"), deleted=gone, location="europe-west2")
    assert found.monthly == pytest.approx(0.18402)
    assert found.by("database") == {"orders": pytest.approx(0.16101), "users": pytest.approx(0.02301)}


# Advice


def test_moving_weekly_backups_is_priced_per_class_with_early_deletion() -> None:
    # weekly, kept 90 days: 60 left. Nearline: 30 d x 0.02 + 60 d x 0.01 = 1.2 per GiB instead of 1.8, over 730/24 days:
    # 0.6 / 30.4167 = 0.019726 a GiB, and 20 GiB come in 30 days: 0.394521
    # Coldline: 90 days are billed for 60: 30 x 0.02 + 90 x 0.004 = 0.96 instead of 1.8: 0.84 / 30.4167 x 20 = 0.552329
    # Archive in europe-west1: 30 x 0.02 + 365 x 0.0012 = 1.038: less than Nearline's 1.2, more than Coldline's
    weekly = [backup(7 * week + 1, 4, kind=Kind.WEEKLY, kept=90) for week in range(5)]
    found = advice(*weekly)
    nearline = found["weekly: move artifacts to NEARLINE after 30 d (as Terraform does)"]
    assert nearline.saves_monthly == pytest.approx(0.394521, abs=1e-6)
    coldline = found["weekly: move artifacts to COLDLINE after 30 d"]
    assert coldline.saves_monthly == pytest.approx(0.552329, abs=1e-6)
    assert coldline.note == "though 90 d are billed for 60; reading it costs 0.02 a GiB"


def test_class_with_minimum_duration_beyond_retention_does_not_pay() -> None:
    # kept 35 days: 5 left. Archive: 30 x 0.02 + 365 x 0.0012 = 1.038 instead of 35 x 0.02 = 0.7
    found = advice(*[backup(day + 0.5, 2, kept=35) for day in range(30)])
    archive = found["daily: move artifacts to ARCHIVE after 30 d"]
    assert archive.saves_monthly == pytest.approx(-0.338 / (730 / 24) * 60)
    assert archive.note.startswith("does not pay")


def test_daily_backups_gain_nothing_from_a_colder_class() -> None:
    found = advice(*[backup(day + 0.5, 2) for day in range(30)])
    assert not [change for change in found if "move artifacts" in change]


def test_shorter_retention_reports_saving_and_reach() -> None:
    # older than 15 days: 15 of 30 backups x 2 GiB x 0.02 = 0.60
    found = advice(*[backup(day + 0.5, 2) for day in range(30)])
    half = found["daily: keep for 15 d instead of 30 d"]
    assert half.saves_monthly == pytest.approx(0.60)
    assert "backups of this kind older than 15 days" in half.note


def test_second_format_and_soft_delete_are_priced() -> None:
    both = backup(1, 3)
    sql = Item("daily", "orders", both[0].backup, "sql", "STANDARD", 2 * GIB, both[0].created_at, both[0].keep_until)
    found = advice([*both, sql], deleted=backup(40, 5)[:1])
    assert found["BACKUP_FORMATS=sqlite: store no sql"].saves_monthly == pytest.approx(0.04)
    assert found["BACKUP_FORMATS=sql: store no sqlite"].saves_monthly == pytest.approx(0.06)
    assert found["soft delete off"].saves_monthly == pytest.approx(0.10)


def test_continuous_points_have_no_second_format_to_drop() -> None:
    point = backup(1, 3, kind=Kind.CONTINUOUS, kept=7)
    parts = [
        Item(
            "continuous", "orders", point[0].backup, role, "STANDARD", 2 * GIB, point[0].created_at, point[0].keep_until
        )
        for role in ("index", "pages")
    ]
    assert not [change for change in advice([*point, *parts]) if change.startswith("BACKUP_FORMATS")]


def test_unknown_location_or_class_is_never_guessed() -> None:
    with pytest.raises(UsageError, match="has no sourced price"):
        invoice(backup(1, 1), location="mars-north1")
    found = invoice(backup(1, 1, storage_class="RAPID"))
    assert "storage in RAPID: no price" in found.not_counted
    assert "RAPID" not in found.by("storage_class")
