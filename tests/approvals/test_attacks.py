"""Attacks on the approval by two persons, with a real store and restore. None may change the live database."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from shared.approvals import anchor
from shared.approvals.actions import Action
from shared.approvals.desk import Desk
from shared.approvals.documents import Decision, Request, sha256
from shared.errors import NotPermitted, StoreError, UsageError
from shared.model import request_names as names
from shared.operations.restore.permitted import plan_of
from shared.operations.restore.run import restore
from shared.sqlite.location import FileLocation
from shared.statements.envelope import Signer, StatementKind, open_statement, sign
from shared.stores import StoredObject, open_store
from shared.stores.folder import FolderStore
from tests.approvals.conftest import Office
from tests.approvals.people import ANA, BEN, CARLA, CONSOLE, GLASS, MALLORY, person, policy

EMPTY: list[tuple[object, ...]] = []


def put(office: Office, name: str, content: bytes) -> None:
    """Creates an object, like an attacker with the right to create in the store."""
    office.store.create(name, content, {})


def put_approval(office: Office, request: str, by: Signer, name: str, **changes: object) -> None:
    """Stores an approval in the name of `name`, signed by `by`."""
    raw = office.object(request, "request").read_bytes()
    decision = Decision(
        request=request,
        request_sha256=sha256(raw),
        decision="approved",
        reason="",
        person=name,
        decided_at=office.now,
        expires_at=office.now + timedelta(hours=4),
    ).model_copy(update=changes)
    put(office, names.decision_object(request, "approved", name), sign(by, StatementKind.DECISION, decision.payload()))


def assert_refused(office: Office, request: str, why: str, **more: object) -> None:
    with pytest.raises(NotPermitted, match=why):
        office.restore(request, **more)  # type: ignore[arg-type]
    assert office.run("SELECT * FROM t") == EMPTY


def test_approved_restore_runs_once(office: Office) -> None:
    request = office.approved()
    office.restore(request)
    assert office.run("SELECT * FROM t") == [("kept",)]
    office.run("DELETE FROM t")
    assert_refused(office, request, "used already")
    assert [path.name for path in (office.folder / "copy" / "requests").glob("*.used.json")] == [f"{request}.used.json"]


def test_requester_cannot_approve_their_own_request(office: Office) -> None:
    request = office.ask(ANA)
    with pytest.raises(NotPermitted, match="nobody may approve their own request"):
        office.decide(request, ANA)
    put_approval(office, request, ANA, "ana@example.com")
    assert_refused(office, request, "nobody may approve their own request")
    put_approval(office, request, ANA, "ben@example.com")
    assert_refused(office, request, "another person signed it")


@pytest.mark.parametrize(("who", "why"), [("ana", "another person signed it"), ("eve", "who is not among the people")])
def test_request_in_another_persons_name_is_refused(office: Office, who: str, why: str) -> None:
    request = put_request(office, f"{who}@example.com", office.desk(), by=BEN)
    put_approval(office, request, BEN, "ben@example.com")
    assert_refused(office, request, why)


def test_outsider_can_neither_request_nor_approve(office: Office) -> None:
    with pytest.raises(NotPermitted, match="none of the policy's people"):
        office.ask(MALLORY)
    request = office.ask()
    with pytest.raises(NotPermitted, match="none of the policy's people"):
        office.decide(request, MALLORY)
    put_approval(office, request, MALLORY, "ben@example.com")
    assert_refused(office, request, "signed by an unknown key")


def test_policy_with_one_person_or_key_twice_is_refused() -> None:
    for people in (
        [person("ana", ANA), person("ana", BEN)],
        [person("ana", ANA), person("Ana", BEN)],
        [person("ana", ANA), person("ben", ANA)],
    ):
        with pytest.raises(ValueError, match="twice"):
            policy(people=people)
    with pytest.raises(ValueError, match="a key occurs twice"):
        policy(console={"key": ANA.public.pem, "may_attest": ["*"]})
    with pytest.raises(ValueError, match="a key occurs twice"):
        policy(break_glass={"keys": [BEN.public.pem]})


@pytest.mark.parametrize("may_decide", [True, False])
def test_console_decides_only_if_the_policy_allows_it(office: Office, may_decide: bool) -> None:
    office.file = policy(**console_policy(may_decide=may_decide))
    desk = office.desk()
    state = desk.state(office.ask())
    if may_decide:
        assert desk.decide(CONSOLE, state, "approved", "seen", speaks_for="ben@example.com").person == "ben@example.com"
        assert desk.state(state.id).state == "approved"
    else:
        with pytest.raises(NotPermitted, match="decides nothing"):
            desk.decide(CONSOLE, state, "approved", "seen", speaks_for="ben@example.com")


def console_policy(**more: object) -> dict[str, object]:
    return {"console": {"key": CONSOLE.public.pem, "may_attest": ["*@example.com"]} | more}


def put_request(office: Office, who: str, desk: Desk, by: Signer = CONSOLE) -> str:
    """Stores a request in the name of `who`, signed by the console or another key."""
    order = office.order()
    _, raw = order.catalog.read_manifest(order.backup)
    request = Request(
        id=names.new_request_id(office.now),
        action=Action.RESTORE,
        stores=[store.url for store in office.stores],
        plan=plan_of(order, raw),
        reason="orders lost",
        person=who,
        requested_at=office.now,
        expires_at=office.now + timedelta(hours=24),
        policy=desk.file.digest,
    )
    put(office, names.request_object(request.id), sign(by, StatementKind.REQUEST, request.payload()))
    return request.id


def test_request_through_the_console_cannot_be_approved_by_the_requester(office: Office) -> None:
    office.file = policy(**console_policy())
    request = put_request(office, "ana@example.com", office.desk())
    put_approval(office, request, ANA, "ana@example.com")
    assert_refused(office, request, "nobody may approve their own request")


def test_console_without_may_decide_cannot_approve(office: Office) -> None:
    office.file = policy(**console_policy())
    request = put_request(office, "ana@example.com", office.desk())
    put_approval(office, request, CONSOLE, "ben@example.com")
    assert_refused(office, request, "may attest requests and decide nothing")


def test_console_with_may_decide_still_needs_two_people(office: Office) -> None:
    office.file = policy(**console_policy(may_decide=True, may_attest=["ana@*", "eve@*"]))
    request = put_request(office, "ana@example.com", office.desk())
    put_approval(office, request, CONSOLE, "ana@example.com")
    assert_refused(office, request, "nobody may approve their own request")
    put_approval(office, request, CONSOLE, "ben@example.com")
    assert_refused(office, request, "may not speak for ben")
    put_approval(office, request, CONSOLE, "eve@example.com")
    assert_refused(office, request, "eve@example.com, who is not among the people")


def test_approval_is_bound_to_backup_target_options_and_stores(office: Office, tmp_path: Path) -> None:
    office.backup("two")
    request = office.approved()
    other = tmp_path / "other.db"
    other.write_bytes(office.live.read_bytes())
    assert_refused(office, request, "backup_id is two", order=office.order("two"))
    assert_refused(
        office, request, "target is .*other.db", order=office.order(target=FileLocation(other), any_source=False)
    )
    assert_refused(office, request, "any_source is true", order=office.order(any_source=True))
    assert_refused(office, request, "verify is true", order=office.order(prove=True))
    assert_refused(
        office,
        request,
        "in_place is false",
        order=office.order(in_place=False, target=FileLocation(tmp_path / "new.db")),
    )
    office.stores = [office.stores[0], open_store(str(tmp_path / "elsewhere"))]
    assert_refused(office, request, "was made for .*copy, and this run uses .*elsewhere")
    office.stores = office.stores[:1]
    assert_refused(office, request, "was made for")


def test_approval_is_bound_to_its_action(office: Office) -> None:
    request = office.approved()
    with pytest.raises(NotPermitted, match="approved for restore, not for delete"):
        office.desk().permit(request, [Action.DELETE])


def test_only_one_of_several_concurrent_restores_proceeds(office: Office) -> None:
    request = office.approved()
    permits = [office.desk().permit(request, [Action.RESTORE]) for _ in range(4)]
    _, raw = office.order().catalog.read_manifest(office.order().backup)
    outcomes: list[str] = []

    def redeem(number: int) -> None:
        try:
            permits[number].redeem(plan_of(office.order(), raw))
            outcomes.append("goes on")
        except NotPermitted as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=redeem, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("goes on") == 1
    assert all("used already" in outcome for outcome in outcomes if outcome != "goes on")


def test_expired_and_future_approvals_are_refused(office: Office) -> None:
    begun = office.now
    waiting, approved = office.ask(), office.approved()
    office.now = begun + timedelta(hours=4, minutes=1)
    assert_refused(office, approved, "it has expired")
    office.now = begun + timedelta(hours=24, minutes=1)
    with pytest.raises(NotPermitted, match="is expired"):
        office.decide(waiting)
    put_approval(office, waiting, BEN, "ben@example.com")
    assert_refused(office, waiting, "after the request had expired")
    office.now = begun - timedelta(minutes=6)
    assert_refused(office, approved, "in the future: a clock is wrong")


def test_approval_cannot_extend_its_own_lifetime(office: Office) -> None:
    request = office.ask()
    put_approval(office, request, BEN, "ben@example.com", expires_at=office.now + timedelta(days=400))
    office.now += timedelta(hours=4, minutes=1)
    assert_refused(office, request, "it has expired")


def test_approval_dated_before_the_request_is_refused(office: Office) -> None:
    request = office.ask()
    put_approval(office, request, BEN, "ben@example.com", decided_at=office.now - timedelta(hours=1))
    assert_refused(office, request, "dated before the request")


def test_request_changed_after_approval_is_refused(office: Office) -> None:
    request = office.approved()
    office.backup("two")
    path = office.object(request, "request")
    content = Request.read(office_payload(path))
    changed = content.model_copy(update={"plan": content.plan | {"backup_id": "two"}})
    path.chmod(0o600)
    path.write_bytes(sign(ANA, StatementKind.REQUEST, changed.payload()))
    assert_refused(office, request, "the request was changed since")
    path.write_bytes(path.read_bytes().replace(b'"sig": "', b'"sig": "AAAA', 1))
    assert_refused(office, request, "changed since it was signed, or its signature is forged")


def office_payload(path: Path) -> bytes:
    return open_statement(path.read_bytes(), StatementKind.REQUEST)


def replace_manifest(office: Office, name: str, by: str) -> None:
    """Replaces a manifest by the content of another backup's manifest."""
    folder = office.folder / "store" / "daily" / "live.db"
    content = (folder / f"{by}.manifest.json").read_bytes().replace(f'"{by}"'.encode(), f'"{name}"'.encode())
    content = content.replace(f"/{by}.".encode(), f"/{name}.".encode())
    (folder / f"{name}.manifest.json").unlink()
    (folder / f"{name}.manifest.json").write_bytes(content)


def test_manifest_replaced_between_approval_and_start_is_refused(office: Office) -> None:
    office.backup("two")
    request = office.approved()
    replace_manifest(office, "one", "two")
    assert_refused(office, request, "manifest_sha256 is")


def test_manifest_replaced_between_start_and_swap_is_refused(office: Office) -> None:
    office.backup("two")
    request = office.approved()
    assert_refused(office, request, "manifest_sha256 is", before_swap=lambda: replace_manifest(office, "one", "two"))
    assert not office.object(request, "used").exists()


@pytest.mark.parametrize("moment", ["start", "swap"])
@pytest.mark.parametrize("by", [BEN, MALLORY, None])
def test_any_refusal_ends_the_request_until_the_swap(office: Office, moment: str, by: Signer | None) -> None:
    request = office.approved()

    def refuse() -> None:
        if by is BEN:
            office.decide(request, BEN, "refused")
        else:
            content = b"no" if by is None else sign(by, StatementKind.DECISION, b"{}")
            put(office, names.decision_object(request, "refused", "mallory"), content)

    if moment == "start":
        refuse()
        assert_refused(office, request, "refused by (ben@example.com|mallory)")
    else:
        assert_refused(office, request, "refused by (ben@example.com|mallory)", before_swap=refuse)
    state = office.desk().state(request)
    assert (state.state, bool(state.problems)) == ("refused", by is not BEN)


def test_forged_use_stops_the_request(office: Office) -> None:
    request = office.approved()
    put(office, names.used_object(request), b"")
    assert_refused(office, request, "used already")


def test_deleted_use_in_one_store_allows_no_second_run(office: Office) -> None:
    request = office.approved()
    office.restore(request)
    office.run("DELETE FROM t")
    office.object(request, "used").unlink()
    assert_refused(office, request, "used already")


def test_approval_of_a_removed_person_is_refused(office: Office) -> None:
    request = office.approved()
    people = [person("ana", ANA), person("carla", CARLA)]
    later = policy(ANA, BEN, people=people, predecessor=office.file.digest)
    assert_refused(office, request, "signed by an unknown key", file=later)


def test_statement_of_another_kind_is_refused(office: Office) -> None:
    request = office.ask()
    raw = office.object(request, "request").read_bytes()
    put(office, names.decision_object(request, "approved", "ben@example.com"), raw)
    assert_refused(office, request, "signed statement of another kind")
    decision = json.loads(sign(BEN, StatementKind.REQUEST, b"{}")) | {
        "payloadType": StatementKind.DECISION.payload_type
    }
    put(office, names.decision_object(request, "approved", "carla@example.com"), json.dumps(decision).encode())
    assert_refused(office, request, "signature is forged")


def test_approval_copied_to_another_request_or_name_is_refused(office: Office) -> None:
    approved, waiting = office.approved(), office.ask()
    content = office.object(approved, "approved.ben@example.com").read_bytes()
    put(office, names.decision_object(waiting, "approved", "ben@example.com"), content)
    assert_refused(office, waiting, "it is of another request")
    put(office, names.decision_object(waiting, "approved", "carla@example.com"), content)
    assert_refused(office, waiting, "stored under another name")
    other = names.new_request_id(office.now)
    put(office, names.request_object(other), office.object(approved, "request").read_bytes())
    put(office, names.decision_object(other, "approved", "ben@example.com"), content)
    assert_refused(office, other, "stored under another id")


def test_older_or_unrelated_policy_is_refused(office: Office) -> None:
    first = office.file
    office.ask()
    second = policy(ANA, BEN, people=[person("ben", BEN), person("carla", CARLA)], predecessor=first.digest)
    office.ask(BEN, file=second)
    with pytest.raises(NotPermitted, match="somebody mounted an older or another one"):
        office.ask(ANA, file=first)
    with pytest.raises(NotPermitted, match="somebody mounted an older or another one"):
        office.desk(policy(MALLORY, CARLA, people=[person("mallory", MALLORY), person("carla", CARLA)]))


@pytest.mark.parametrize("signers", [[ANA], [CARLA, MALLORY], [ANA, MALLORY]])
def test_policy_without_two_signatures_of_its_predecessor_is_refused(office: Office, signers: list[Signer]) -> None:
    office.ask()
    people = [person("carla", CARLA), person("mallory", MALLORY)]
    with pytest.raises(NotPermitted, match="nor signed by two people"):
        office.desk(policy(*signers, people=people, predecessor=office.file.digest))


def test_rogue_policy_in_the_store_has_no_effect(office: Office) -> None:
    request = office.approved()
    people = [person("carla", CARLA), person("mallory", MALLORY)]
    for rogue in (policy(CARLA, MALLORY, people=people), policy(CARLA, people=people, predecessor=office.file.digest)):
        put(office, names.policy_object(rogue.digest), rogue.raw)
    put(office, names.policy_object("0" * 64), b"{}")
    assert office.desk().state(request).state == "approved"


def test_recorded_policy_needs_no_right_to_create(office: Office) -> None:
    class ReadOnly(FolderStore):
        def create(self, name: str, *more: object) -> StoredObject:
            raise StoreError(f"{name} is not to be created")

    office.ask()
    anchor.record(office.file, [ReadOnly(Path(store.url)) for store in office.stores])


def test_missing_policy_is_refused_if_the_store_has_one(office: Office) -> None:
    office.approved()
    with pytest.raises(NotPermitted, match="no such policy is in force here"):
        Desk(None, office.stores)


def test_in_place_restore_in_production_needs_a_permit(office: Office) -> None:
    with pytest.raises(NotPermitted, match="needs a second person's approval"):
        restore(office.order())


def test_break_glass_key_can_request_and_approve_alone(office: Office) -> None:
    office.file = policy(break_glass={"keys": [GLASS.public.pem]})
    request = office.ask(GLASS)
    made = office.decide(request, GLASS)
    assert (made.person, made.break_glass) == ("break-glass", True)
    permit = office.desk().permit(request, [Action.RESTORE])
    assert permit.break_glass
    office.restore(request)
    assert office.run("SELECT * FROM t") == [("kept",)]


def test_break_glass_key_cannot_sign_for_a_person(office: Office) -> None:
    office.file = policy(break_glass={"keys": [GLASS.public.pem]})
    request = office.ask()
    put_approval(office, request, GLASS, "ben@example.com")
    assert_refused(office, request, "signed by an offline key and says that ben")


def test_thousands_of_forged_decisions_do_not_hide_the_use(office: Office) -> None:
    """With thousands of forged decisions, the use and the refusals of a request are still read."""
    request = office.approved()
    for number in range(2100):
        put(office, names.decision_object(request, "approved", f"a{number:05d}"), b"x")
    put(office, names.used_object(request), b"")
    assert_refused(office, request, "used already")


def test_unknown_request_id_is_reported(office: Office) -> None:
    for request in ("", "../x", "20240115T120000Z-aaaaaaaa", names.new_request_id(office.now)):
        with pytest.raises(UsageError, match="litekeep requests"):
            office.desk().state(request)


def test_target_replaced_by_a_link_is_refused(office: Office, tmp_path: Path) -> None:
    """The path becomes a link to another file."""
    request = office.approved()
    office.live.rename(tmp_path / "moved.db")
    office.live.symlink_to(tmp_path / "moved.db")
    assert_refused(office, request, "target is .*moved.db", order=office.order())
