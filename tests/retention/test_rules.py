"""Each retention rule: when a backup expires, and what keeps it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from shared.model.kinds import Kind, default_retention
from shared.retention.plan import Candidate, RetentionPolicy, Rule
from shared.retention.rules import kept_until, plan
from tests.calls import calls_of
from tests.retention.builders import NOW, POLICY, backup, day, decide, deleted, fresh, rules


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        (Kind.CONTINUOUS, 7),
        (Kind.DAILY, 30),
        (Kind.WEEKLY, 90),
        (Kind.PRE_DEPLOYMENT, 30),
        (Kind.ON_DEMAND, 30),
        (Kind.MILESTONE, 365),
    ],
)
def test_each_kind_expires_exactly_after_its_retention(kind: Kind, days: int) -> None:
    found = decide(*fresh(), backup(days, "over", kind=kind), backup(days - 1 / 86400, "not-yet", kind=kind))
    assert found["over"].rule is Rule.EXPIRED
    assert found["not-yet"].rule is Rule.NOT_EXPIRED


def test_daily_and_weekly_expire_after_a_week_outside_production() -> None:
    policy = RetentionPolicy(default_retention("staging"))
    found = rules(*fresh(), backup(8, "daily"), backup(8, "weekly", kind=Kind.WEEKLY), policy=policy)
    assert found["daily"] is found["weekly"] is Rule.EXPIRED
    assert rules(*fresh(), backup(8, "daily"))["daily"] is Rule.NOT_EXPIRED


def test_shorter_policy_does_not_shorten_promised_retention() -> None:
    """A typo in BACKUP_RETENTION or a wrong ENVIRONMENT can cause this too."""
    shorter = replace(POLICY, lengths={**POLICY.lengths, Kind.DAILY: timedelta(hours=1)})
    old = backup(10, "old", keep_until=NOW + day(20))
    found = decide(*fresh(), old, policy=shorter)
    assert found["old"].rule is Rule.NOT_EXPIRED
    assert "promised" in found["old"].reason


def test_reason_names_the_promise_only_if_longer_than_the_policy() -> None:
    kept = decide(*fresh(), backup(10, "old", keep_until=NOW + day(20)))["old"]
    assert kept.reason == "kept until 2024-07-05 02:00 (daily: 30 d)"
    hours = replace(POLICY, lengths={**POLICY.lengths, Kind.DAILY: timedelta(hours=36)})
    assert decide(backup(1, "one"), policy=hours)["one"].reason.endswith("(daily: 36 h)")


def test_longer_policy_applies_to_existing_backups() -> None:
    longer = replace(POLICY, lengths={**POLICY.lengths, Kind.DAILY: day(60)})
    old = backup(40, "old", keep_until=NOW - day(10))
    assert rules(*fresh(), old, policy=longer)["old"] is Rule.NOT_EXPIRED
    assert rules(*fresh(), old)["old"] is Rule.EXPIRED


def test_newest_verified_backup_is_kept_at_any_age() -> None:
    unverified = [backup(age, verified=None) for age in (100, 101, 102, 103)]
    found = rules(*unverified, backup(200, "proven"), backup(201, "older"), backup(202, "oldest"))
    assert found["proven"] is Rule.NEWEST_VERIFIED
    assert Rule.EXPIRED not in found.values()


def test_last_three_good_backups_are_kept_not_counting_bad_ones() -> None:
    young = backup(1, "young")
    old = [backup(age) for age in (100, 102, 104, 106, 108)]
    bad = [backup(101, "bad", verified=False), backup(103, "corrupt", good=False)]
    found = rules(young, *old, *bad, policy=replace(POLICY, force=True))
    assert [name for name, rule in found.items() if rule is Rule.LAST_GOOD] == ["b100", "b102"]
    assert {name for name, rule in found.items() if rule is Rule.EXPIRED} == {"bad", "corrupt", "b104", "b106", "b108"}


def test_min_keep_applies_to_verified_and_to_unverified_backups() -> None:
    unverified = [backup(0.1 * number, f"new{number}", verified=None) for number in (1, 2, 3)]
    proven = [backup(1, "young"), backup(100), backup(101), backup(102)]
    found = rules(*unverified, *proven)
    assert (found["b100"], found["b101"], found["b102"]) == (Rule.LAST_GOOD, Rule.LAST_GOOD, Rule.EXPIRED)


def test_larger_min_keep_keeps_more() -> None:
    many = [backup(1), *(backup(100 + number) for number in range(10))]
    kept = [
        sum(not d.delete for d in plan(many, replace(POLICY, min_keep=n, force=True), NOW).decisions) for n in (1, 5)
    ]
    assert kept == [1, 5]


def test_held_backup_is_kept_with_its_reason() -> None:
    found = decide(*fresh(), backup(100, "held", held="incident 42"), backup(101, "free"))
    assert found["held"].rule is Rule.HELD
    assert "incident 42" in found["held"].reason
    assert found["free"].rule is Rule.EXPIRED


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"verified": False}, "did not pass"),
        ({"damaged": "manifest cannot be read", "verified": None}, "cannot be read"),
        ({"good": False, "verified": None}, "damaged database"),
    ],
)
def test_nothing_is_deleted_while_a_newer_backup_fails(change: dict[str, object], word: str) -> None:
    failing = backup(0.01, "failing", **change)
    found = plan([failing, *fresh(), backup(100, "old")], POLICY, NOW)
    assert deleted(found) == set()
    old = next(decision for decision in found.decisions if decision.backup.name.id == "old")
    assert old.rule is Rule.FAILING
    assert word in old.reason
    assert any("old" not in line and "past its time" in line for line in found.attention)


def test_deletion_resumes_once_a_newer_backup_is_good() -> None:
    failing = backup(0.5, "failing", verified=False)
    assert rules(failing, *fresh(), backup(100, "old"))["old"] is Rule.EXPIRED


def test_nothing_is_deleted_before_any_verification() -> None:
    found = plan([backup(age, verified=None) for age in (1, 2, 3, 4, 100, 101)], POLICY, NOW)
    assert deleted(found) == set()
    assert any("was verified so far" in line for line in found.attention)


def test_unverified_backup_has_a_day_to_be_verified() -> None:
    proven = [backup(2 + number / 10, f"p{number}") for number in range(5)]
    old = [backup(100, "old"), backup(101, "older")]
    assert rules(backup(0.9, "new", verified=None), *proven, *old)["old"] is Rule.EXPIRED
    found = decide(backup(1.1, "new", verified=None), *proven, *old)
    assert (found["old"].rule, found["older"].rule) == (Rule.UNPROVEN, Rule.UNPROVEN)
    assert "within a day" in found["old"].reason


def test_expired_backup_is_kept_until_a_newer_one_is_verified() -> None:
    hourly = replace(POLICY, lengths={**POLICY.lengths, Kind.ON_DEMAND: timedelta(hours=1)}, min_keep=1)
    unverified = [backup(hours / 24, f"h{hours}", verified=None, kind=Kind.ON_DEMAND) for hours in (1, 2, 3, 4)]
    found = rules(*unverified, backup(1, "proven"), backup(2), backup(100, "old"), policy=hourly)
    assert [found[f"h{hours}"] for hours in (2, 3, 4)] == [Rule.UNPROVEN] * 3
    assert found["old"] is Rule.EXPIRED


def test_nothing_is_deleted_once_the_newest_verified_backup_is_expired() -> None:
    """Backups stopped, or this clock is a year ahead; in both cases only old backups exist."""
    found = plan([backup(age) for age in range(31, 60)], replace(POLICY, force=True), NOW)
    assert deleted(found) == set()
    assert any("clock" in line for line in found.attention)


@pytest.mark.parametrize("off", [timedelta(days=365), timedelta(days=-365)])
def test_clock_a_year_off_deletes_nothing(off: timedelta) -> None:
    taken = [backup(age) for age in range(31)] + [backup(7 * week, f"w{week}", kind=Kind.WEEKLY) for week in range(13)]
    found = plan(taken, replace(POLICY, force=True), NOW + off)
    assert deleted(found) == set()
    assert found.attention != ()


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(hours=-1)])
def test_clock_an_hour_off_changes_deletions_by_an_hour_at_most(off: timedelta) -> None:
    taken = [backup(age / 24, f"h{age}") for age in range(31 * 24)]
    right, wrong = deleted(plan(taken, POLICY, NOW)), deleted(plan(taken, POLICY, NOW + off))
    assert len(right ^ wrong) <= 1


def test_future_backup_is_kept_reported_and_protects_nothing() -> None:
    ahead = [backup(-days, f"ahead{days}") for days in (1, 300, 301, 302)]
    found = plan([*ahead, backup(0.5, "a"), backup(50, "b"), backup(51, "c"), backup(52, "d")], POLICY, NOW)
    by_id = {decision.backup.name.id: decision.rule for decision in found.decisions}
    assert {by_id[each.name.id] for each in ahead} == {Rule.FUTURE}
    assert (by_id["b"], by_id["c"], by_id["d"]) == (Rule.LAST_GOOD, Rule.LAST_GOOD, Rule.EXPIRED)
    assert sum("in the future" in line for line in found.attention) == 4


def test_backup_taken_right_now_is_not_reported() -> None:
    found = plan([backup(-1 / 86400), *fresh()], POLICY, NOW)
    assert found.attention == ()


def test_unreadable_backup_is_kept_and_reported() -> None:
    found = plan([*fresh(), backup(400, "bad", damaged="manifest of bad cannot be read")], POLICY, NOW)
    assert deleted(found) == set()
    assert any("manifest of bad cannot be read" in line for line in found.attention)


def test_backups_that_a_newer_format_may_need_are_kept() -> None:
    newer = backup(20, "newer", damaged="format 2", newer_format=True)
    found = decide(*fresh(), newer, backup(100, "old"))
    assert found["old"].rule is Rule.MAY_BE_NEEDED
    assert "upgrade" in found["old"].reason


def test_backups_that_a_chain_needs_are_kept_down_to_the_base() -> None:
    tip = backup(1, "tip", needs=frozenset({"middle"}))
    chain = [backup(100, "middle", needs=frozenset({"base"})), backup(101, "base"), backup(102, "other")]
    found = rules(*fresh(), tip, *chain)
    assert (found["middle"], found["base"], found["other"]) == (Rule.NEEDED, Rule.NEEDED, Rule.EXPIRED)


def test_circular_chain_expires_as_a_whole() -> None:
    ring = [backup(100, "a", needs=frozenset({"b"})), backup(101, "b", needs=frozenset({"a"}))]
    assert deleted(plan([*fresh(), *ring], POLICY, NOW)) == {"a", "b"}


def test_deleting_more_than_half_needs_force() -> None:
    backups = [*fresh(4), *(backup(100 + number) for number in range(5))]
    refused = plan(backups, POLICY, NOW)
    assert refused.refused
    assert deleted(refused) == set()
    assert any("--force" in line for line in refused.attention)
    assert len(deleted(plan(backups, replace(POLICY, force=True), NOW))) == 5
    assert len(deleted(plan([*backups, backup(2)], POLICY, NOW))) == 5


def test_databases_are_judged_separately() -> None:
    other = [backup(100 + number, f"other{number}", database="other") for number in range(5)]
    found = rules(*fresh(), backup(100, "old"), *other)
    assert found["old"] is Rule.EXPIRED
    assert Rule.EXPIRED not in {found[each.name.id] for each in other}


def test_retention_in_a_bucket_starts_when_it_was_stored() -> None:
    """The clock of the machine that took it was a year behind."""
    late = backup(400, "late", stored_at=NOW - day(1))
    assert rules(*fresh(), late)["late"] is Rule.NOT_EXPIRED


@pytest.mark.parametrize(
    ("taken", "length", "until"),
    [
        ("2024-02-29T12:00:00", day(365), "2025-02-28T12:00:00"),
        ("2023-03-01T00:00:00", day(365), "2024-02-29T00:00:00"),
        ("2024-01-31T00:00:00", day(30), "2024-03-01T00:00:00"),
        ("2023-01-31T00:00:00", day(30), "2023-03-02T00:00:00"),
        ("2024-12-31T23:59:59", day(7), "2025-01-07T23:59:59"),
        ("2024-03-31T00:30:00", timedelta(hours=24), "2024-04-01T00:30:00"),  # clocks go forward in Europe
        ("9999-12-30T00:00:00", day(7), "9999-12-31T23:59:59.999999"),
    ],
)
def test_days_are_24_hours_across_leap_days_month_ends_and_dst(taken: str, length: timedelta, until: str) -> None:
    one = replace(backup(1), created_at=datetime.fromisoformat(taken).replace(tzinfo=UTC))
    policy = replace(POLICY, lengths={**POLICY.lengths, Kind.DAILY: length})
    assert kept_until(one, policy) == datetime.fromisoformat(until).replace(tzinfo=UTC)


def test_plan_work_grows_linearly_with_backups() -> None:
    # One chain of all backups is the worst case: each keeps the next.
    def chain(length: int) -> list[Candidate]:
        return [
            backup(
                number / 100, f"n{number}", needs=frozenset({f"n{number + 1}"}) if number > length / 2 else frozenset()
            )
            for number in range(length)
        ]

    calls = {}
    for length in (1_000, 10_000):
        backups = chain(length)
        calls[length] = calls_of(partial(plan, backups, POLICY, NOW))
    assert calls[10_000] < 13 * calls[1_000]
    assert len(plan(chain(10_000), POLICY, NOW).decisions) == 10_000
