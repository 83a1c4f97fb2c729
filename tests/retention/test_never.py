"""Properties of retention plans: for any input, protected backups are never deleted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.retention.plan import Candidate, RetentionPolicy, Rule
from shared.retention.rules import plan
from tests.retention.builders import NOW

HOUR = timedelta(hours=1)
IDS = [f"id{number}" for number in range(16)]


STATES: list[dict[str, Any]] = [
    {"verified": True},
    {"verified": True},
    {"verified": True},
    {"verified": True},
    {"verified": None},
    {"verified": False},
    {"good": False},
    {"damaged": "damaged"},
    {"damaged": "format 2", "newer_format": True},
    {"verified": True, "held": "held"},
]


def _candidate(place: tuple[Kind, str], age: int, promise: int | None, state: int, needs: list[int]) -> Candidate:
    return Candidate(
        BackupName(*place, ""),
        created_at=NOW - age * HOUR,
        keep_until=None if promise is None else NOW + promise * HOUR,
        needs=frozenset(IDS[number] for number in needs),
        **STATES[state],
    )


def _named(candidates: list[Candidate]) -> list[Candidate]:
    """Give each backup a unique id."""
    return [replace(each, name=each.name._replace(id=IDS[number])) for number, each in enumerate(candidates)]


def stores() -> st.SearchStrategy[list[Candidate]]:
    """Generate backups of two databases, in every state, around the relevant ages."""
    places = st.sampled_from([(kind, database) for kind in Kind for database in ("a", "b")])
    one = st.builds(
        _candidate,
        places,
        st.integers(-50, 1200),
        st.none() | st.integers(-800, 100),
        st.sampled_from(range(len(STATES))),
        st.lists(st.sampled_from(range(len(IDS))), max_size=1),
    )
    random = st.lists(one, max_size=len(IDS) - 6)
    recent = [_candidate((Kind.DAILY, database), age, None, 0, []) for database in ("a", "b") for age in (1, 2, 3)]
    # Half of them have recent good backups; otherwise the first rules would keep nearly everything.
    return st.tuples(st.sampled_from([[], recent]), random).map(lambda parts: _named([*parts[0], *parts[1]]))


POLICIES = st.builds(
    RetentionPolicy,
    lengths=st.fixed_dictionaries({kind: st.integers(1, 900).map(lambda hours: hours * HOUR) for kind in Kind}),
    min_keep=st.integers(1, 5),
    force=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(stores(), POLICIES, st.randoms())
def test_plan_never_breaks_an_invariant(
    backups: list[Candidate], policy: RetentionPolicy, random: st.DataObject
) -> None:
    found = plan(backups, policy, NOW)
    assert sorted(IDS.index(d.backup.name.id) for d in found.decisions) == list(range(len(backups)))
    assert all(decision.reason for decision in found.decisions)
    for database in ("a", "b"):
        own = [backup for backup in backups if backup.name.database == database]
        deleted = [d.backup for d in found.deletions if d.backup.name.database == database]
        check_invariants(own, deleted, policy)
    shuffled = list(backups)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert plan(shuffled, policy, NOW) == found


def check_invariants(own: list[Candidate], deleted: list[Candidate], policy: RetentionPolicy) -> None:
    """Check each invariant independently of the implementation."""
    kept = [backup for backup in own if backup not in deleted]
    newest_first = sorted(own, key=lambda b: (b.created_at, b.name.id), reverse=True)
    present = [b for b in newest_first if b.created_at <= NOW]
    good = [b for b in present if b.good and b.damaged is None and b.verified is not False]
    verified = [b for b in good if b.verified]
    assert not {b.name for b in verified[:1]} & {b.name for b in deleted}
    assert not {b.name for b in good[: policy.min_keep]} & {b.name for b in deleted}
    assert not {b.name for b in verified[: policy.min_keep]} & {b.name for b in deleted}
    assert not {needed for b in kept for needed in b.needs} & {b.name.id for b in deleted}
    assert policy.force or 2 * len(deleted) <= len(own)
    for backup in deleted:
        assert backup.held is None
        assert backup.damaged is None
        assert backup.created_at + policy.lengths[backup.name.kind] <= NOW
        assert backup.keep_until is None or backup.keep_until <= NOW
        newer = present[: present.index(backup)]
        proofs = [index for index, b in enumerate(newer) if b in verified]
        assert proofs, "nothing newer was verified"
        since = newer[: proofs[0]]
        assert all(b in good and NOW - b.created_at <= timedelta(days=1) for b in since), "newer ones are not good"


@settings(max_examples=100, deadline=None)
@given(stores(), POLICIES, st.data())
def test_incomplete_listing_never_deletes_a_backup_early(
    backups: list[Candidate], policy: RetentionPolicy, data: st.DataObject
) -> None:
    """With any part of a listing lost, only expired backups without a hold are deleted."""
    lost = set(data.draw(st.lists(st.sampled_from(IDS), max_size=10)))
    seen = [backup for backup in backups if backup.name.id not in lost]
    for decision in plan(seen, policy, NOW).deletions:
        assert decision.rule is Rule.EXPIRED
        assert decision.kept_until is not None
        assert decision.kept_until <= NOW
        assert decision.backup.held is None


def test_generated_stores_include_deletions() -> None:
    """Otherwise the tests above would prove nothing."""
    deleted = []

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(stores(), POLICIES)
    def count(backups: list[Candidate], policy: RetentionPolicy) -> None:
        deleted.append(len(plan(backups, policy, NOW).deletions))

    count()
    assert sum(number > 0 for number in deleted) >= 8  # of 150; which are drawn differs with the version of hypothesis
