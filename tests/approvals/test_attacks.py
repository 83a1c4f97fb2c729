"""Each way round two persons that somebody could try, against a real store and a real restore: none overwrites."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from shared.approvals import anchor
from shared.approvals.desk import Desk
from shared.approvals.documents import Action, Decision, Request, sha256
from shared.errors import NotPermitted, StoreError, UsageError
from shared.model import request_names as names
from shared.operations.restore import restore
from shared.operations.restore.permitted import plan_of
from shared.sqlite.location import FileLocation
from shared.statements import Signer, StatementKind, open_statement, sign
from shared.stores import StoredObject, open_store
from shared.stores.folder import FolderStore
from tests.approvals.conftest import Office
from tests.approvals.people import ANA, BEN, CARLA, CONSOLE, GLASS, MALLORY, person, policy

EMPTY: list[tuple[object, ...]] = []


def put(office: Office, name: str, content: bytes) -> None:
    """As somebody does who may create objects in the store."""
    office.store.create(name, content, {})


def forged(office: Office, request: str, by: Signer, name: str, **changes: object) -> None:
    """An approval in the name of `name`, signed by `by`."""
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


def refused(office: Office, request: str, why: str, **more: object) -> None:
    with pytest.raises(NotPermitted, match=why):
        office.restore(request, **more)  # type: ignore[arg-type]
    assert office.run("SELECT * FROM t") == EMPTY


def test_two_persons_is_good_and_once(office: Office) -> None:
    request = office.approved()
    office.restore(request)
    assert office.run("SELECT * FROM t") == [("kept",)]
    office.run("DELETE FROM t")
    refused(office, request, "used already")
    assert [path.name for path in (office.folder / "copy" / "requests").glob("*.used.json")] == [f"{request}.used.json"]


def test_nobody_approves_what_he_asked_for(office: Office) -> None:
    request = office.ask(ANA)
    with pytest.raises(NotPermitted, match="nobody approves what he asked for"):
        office.decide(request, ANA)
    forged(office, request, ANA, "ana@example.com")
    refused(office, request, "nobody approves what he asked for")
    forged(office, request, ANA, "ben@example.com")
    refused(office, request, "another person signed it")


@pytest.mark.parametrize(("who", "why"), [("ana", "another person signed it"), ("eve", "who is not among the people")])
def test_nobody_asks_in_the_name_of_another_and_approves_it(office: Office, who: str, why: str) -> None:
    request = attested(office, f"{who}@example.com", office.desk(), by=BEN)
    forged(office, request, BEN, "ben@example.com")
    refused(office, request, why)


def test_who_is_not_in_the_policy_neither_asks_nor_approves(office: Office) -> None:
    with pytest.raises(NotPermitted, match="none of the policy's people"):
        office.ask(MALLORY)
    request = office.ask()
    with pytest.raises(NotPermitted, match="none of the policy's people"):
        office.decide(request, MALLORY)
    forged(office, request, MALLORY, "ben@example.com")
    refused(office, request, "signed by an unknown key")


def test_one_person_under_two_keys_makes_no_policy() -> None:
    for people in (
        [person("ana", ANA), person("ana", BEN)],
        [person("ana", ANA), person("Ana", BEN)],
        [person("ana", ANA), person("ben", ANA)],
    ):
        with pytest.raises(ValueError, match="twice"):
            policy(people=people)
    with pytest.raises(ValueError, match="a key stands twice"):
        policy(console={"key": ANA.public.pem, "may_attest": ["*"]})
    with pytest.raises(ValueError, match="a key stands twice"):
        policy(break_glass={"keys": [BEN.public.pem]})


@pytest.mark.parametrize("may_decide", [True, False])
def test_the_console_decides_for_a_person_only_where_the_policy_lets_it(office: Office, may_decide: bool) -> None:
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


def attested(office: Office, who: str, desk: Desk, by: Signer = CONSOLE) -> str:
    """A request that the console, or who is not `who`, signs for somebody."""
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


def test_asked_through_the_console_and_approved_by_ones_own_key(office: Office) -> None:
    office.file = policy(**console_policy())
    request = attested(office, "ana@example.com", office.desk())
    forged(office, request, ANA, "ana@example.com")
    refused(office, request, "nobody approves what he asked for")


def test_the_console_taken_over_approves_nothing(office: Office) -> None:
    office.file = policy(**console_policy())
    request = attested(office, "ana@example.com", office.desk())
    forged(office, request, CONSOLE, "ben@example.com")
    refused(office, request, "may attest requests and decide nothing")


def test_a_console_that_may_decide_still_needs_two_people_of_the_policy(office: Office) -> None:
    office.file = policy(**console_policy(may_decide=True, may_attest=["ana@*", "eve@*"]))
    request = attested(office, "ana@example.com", office.desk())
    forged(office, request, CONSOLE, "ana@example.com")
    refused(office, request, "nobody approves what he asked for")
    forged(office, request, CONSOLE, "ben@example.com")
    refused(office, request, "may not speak for ben")
    forged(office, request, CONSOLE, "eve@example.com")
    refused(office, request, "eve@example.com, who is not among the people")


def test_an_approval_holds_for_its_own_backup_target_option_database_and_store(office: Office, tmp_path: Path) -> None:
    office.backup("two")
    request = office.approved()
    other = tmp_path / "other.db"
    other.write_bytes(office.live.read_bytes())
    refused(office, request, "backup_id is two", order=office.order("two"))
    refused(office, request, "target is .*other.db", order=office.order(target=FileLocation(other), any_source=False))
    refused(office, request, "any_source is true", order=office.order(any_source=True))
    refused(office, request, "verify is true", order=office.order(prove=True))
    refused(
        office,
        request,
        "in_place is false",
        order=office.order(in_place=False, target=FileLocation(tmp_path / "new.db")),
    )
    office.stores = [office.stores[0], open_store(str(tmp_path / "elsewhere"))]
    refused(office, request, "was made for .*copy, and this run uses .*elsewhere")
    office.stores = office.stores[:1]
    refused(office, request, "was made for")


def test_an_approval_for_one_thing_is_none_for_another(office: Office) -> None:
    request = office.approved()
    with pytest.raises(NotPermitted, match="approved for restore, not for delete"):
        office.desk().permit(request, [Action.DELETE])


def test_of_two_restores_in_the_same_moment_one_goes_on(office: Office) -> None:
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


def test_times_expired_not_yet_valid_and_clock_steps(office: Office) -> None:
    begun = office.now
    waiting, approved = office.ask(), office.approved()
    office.now = begun + timedelta(hours=4, minutes=1)
    refused(office, approved, "its time is over")
    office.now = begun + timedelta(hours=24, minutes=1)
    with pytest.raises(NotPermitted, match="is expired"):
        office.decide(waiting)
    forged(office, waiting, BEN, "ben@example.com")
    refused(office, waiting, "after the request had expired")
    office.now = begun - timedelta(minutes=6)
    refused(office, approved, "in the future: a clock is wrong")


def test_nobody_grants_himself_more_time(office: Office) -> None:
    request = office.ask()
    forged(office, request, BEN, "ben@example.com", expires_at=office.now + timedelta(days=400))
    office.now += timedelta(hours=4, minutes=1)
    refused(office, request, "its time is over")


def test_an_approval_of_before_the_request_counts_for_nothing(office: Office) -> None:
    request = office.ask()
    forged(office, request, BEN, "ben@example.com", decided_at=office.now - timedelta(hours=1))
    refused(office, request, "dated before the request")


def test_a_request_that_was_changed_after_its_approval(office: Office) -> None:
    request = office.approved()
    office.backup("two")
    path = office.object(request, "request")
    content = Request.read(office_payload(path))
    changed = content.model_copy(update={"plan": content.plan | {"backup_id": "two"}})
    path.chmod(0o600)
    path.write_bytes(sign(ANA, StatementKind.REQUEST, changed.payload()))
    refused(office, request, "the request was changed since")
    path.write_bytes(path.read_bytes().replace(b'"sig": "', b'"sig": "AAAA', 1))
    refused(office, request, "changed since it was signed, or its signature is forged")


def office_payload(path: Path) -> bytes:
    return open_statement(path.read_bytes(), StatementKind.REQUEST)


def replace_manifest(office: Office, name: str, by: str) -> None:
    """Deletes the manifest, and creates another one's content under its name."""
    folder = office.folder / "store" / "daily" / "live.db"
    content = (folder / f"{by}.manifest.json").read_bytes().replace(f'"{by}"'.encode(), f'"{name}"'.encode())
    content = content.replace(f"/{by}.".encode(), f"/{name}.".encode())
    (folder / f"{name}.manifest.json").unlink()
    (folder / f"{name}.manifest.json").write_bytes(content)


def test_a_manifest_that_was_replaced_between_approval_and_start(office: Office) -> None:
    office.backup("two")
    request = office.approved()
    replace_manifest(office, "one", "two")
    refused(office, request, "manifest_sha256 is")


def test_a_manifest_that_was_replaced_between_start_and_swap(office: Office) -> None:
    office.backup("two")
    request = office.approved()
    refused(office, request, "manifest_sha256 is", before_swap=lambda: replace_manifest(office, "one", "two"))
    assert not office.object(request, "used").exists()


@pytest.mark.parametrize("moment", ["start", "swap"])
@pytest.mark.parametrize("by", [BEN, MALLORY, None])
def test_a_refusal_of_anybody_ends_it_until_the_last_moment(office: Office, moment: str, by: Signer | None) -> None:
    request = office.approved()

    def refuse() -> None:
        if by is BEN:
            office.decide(request, BEN, "refused")
        else:
            content = b"no" if by is None else sign(by, StatementKind.DECISION, b"{}")
            put(office, names.decision_object(request, "refused", "mallory"), content)

    if moment == "start":
        refuse()
        refused(office, request, "refused by (ben@example.com|mallory)")
    else:
        refused(office, request, "refused by (ben@example.com|mallory)", before_swap=refuse)
    told = office.desk().state(request)
    assert (told.state, bool(told.problems)) == ("refused", by is not BEN)


def test_used_put_there_by_anybody_stops_it(office: Office) -> None:
    request = office.approved()
    put(office, names.used_object(request), b"")
    refused(office, request, "used already")


def test_used_that_was_deleted_gives_no_second_run(office: Office) -> None:
    request = office.approved()
    office.restore(request)
    office.run("DELETE FROM t")
    office.object(request, "used").unlink()
    refused(office, request, "used already")


def test_a_person_who_was_removed_since_approves_no_more(office: Office) -> None:
    request = office.approved()
    people = [person("ana", ANA), person("carla", CARLA)]
    later = policy(ANA, BEN, people=people, predecessor=office.file.digest)
    refused(office, request, "signed by an unknown key", file=later)


def test_statements_of_one_kind_are_none_of_another(office: Office) -> None:
    request = office.ask()
    raw = office.object(request, "request").read_bytes()
    put(office, names.decision_object(request, "approved", "ben@example.com"), raw)
    refused(office, request, "signed statement of another kind")
    decision = json.loads(sign(BEN, StatementKind.REQUEST, b"{}")) | {
        "payloadType": StatementKind.DECISION.payload_type
    }
    put(office, names.decision_object(request, "approved", "carla@example.com"), json.dumps(decision).encode())
    refused(office, request, "signature is forged")


def test_an_approval_under_another_request_or_name_counts_for_nothing(office: Office) -> None:
    approved, waiting = office.approved(), office.ask()
    content = office.object(approved, "approved.ben@example.com").read_bytes()
    put(office, names.decision_object(waiting, "approved", "ben@example.com"), content)
    refused(office, waiting, "it is of another request")
    put(office, names.decision_object(waiting, "approved", "carla@example.com"), content)
    refused(office, waiting, "put under another name")
    other = names.new_request_id(office.now)
    put(office, names.request_object(other), office.object(approved, "request").read_bytes())
    put(office, names.decision_object(other, "approved", "ben@example.com"), content)
    refused(office, other, "put under another id")


def test_an_older_policy_mounted_again(office: Office) -> None:
    first = office.file
    office.ask()
    second = policy(ANA, BEN, people=[person("ben", BEN), person("carla", CARLA)], predecessor=first.digest)
    office.ask(BEN, file=second)
    with pytest.raises(NotPermitted, match="somebody mounted an older or another one"):
        office.ask(ANA, file=first)
    with pytest.raises(NotPermitted, match="somebody mounted an older or another one"):
        office.desk(policy(MALLORY, CARLA, people=[person("mallory", MALLORY), person("carla", CARLA)]))


@pytest.mark.parametrize("signers", [[ANA], [CARLA, MALLORY], [ANA, MALLORY]])
def test_a_policy_that_two_people_of_the_one_before_have_not_signed(office: Office, signers: list[Signer]) -> None:
    office.ask()
    people = [person("carla", CARLA), person("mallory", MALLORY)]
    with pytest.raises(NotPermitted, match="nor signed by two people"):
        office.desk(policy(*signers, people=people, predecessor=office.file.digest))


def test_a_policy_that_somebody_only_puts_into_the_store_changes_nothing(office: Office) -> None:
    request = office.approved()
    people = [person("carla", CARLA), person("mallory", MALLORY)]
    for rogue in (policy(CARLA, MALLORY, people=people), policy(CARLA, people=people, predecessor=office.file.digest)):
        put(office, names.policy_object(rogue.digest), rogue.raw)
    put(office, names.policy_object("0" * 64), b"{}")
    assert office.desk().state(request).state == "approved"


def test_a_job_that_finds_the_policy_in_the_store_needs_no_right_to_create_it(office: Office) -> None:
    class ReadOnly(FolderStore):
        def create(self, name: str, *more: object) -> StoredObject:
            raise StoreError(f"{name} is not to be created")

    office.ask()
    anchor.keep(office.file, [ReadOnly(Path(store.url)) for store in office.stores])


def test_no_policy_where_the_store_has_seen_one(office: Office) -> None:
    office.approved()
    with pytest.raises(NotPermitted, match="no such policy is in force here"):
        Desk(None, office.stores)


def test_without_a_permit_nothing_is_restored_over_production(office: Office) -> None:
    with pytest.raises(NotPermitted, match="needs a second person's approval"):
        restore(office.order())


def test_break_glass_alone_is_good_for_both_parts(office: Office) -> None:
    office.file = policy(break_glass={"keys": [GLASS.public.pem]})
    request = office.ask(GLASS)
    made = office.decide(request, GLASS)
    assert (made.person, made.break_glass) == ("break-glass", True)
    permit = office.desk().permit(request, [Action.RESTORE])
    assert permit.break_glass
    office.restore(request)
    assert office.run("SELECT * FROM t") == [("kept",)]


def test_an_offline_key_speaks_for_nobody_else(office: Office) -> None:
    office.file = policy(break_glass={"keys": [GLASS.public.pem]})
    request = office.ask()
    forged(office, request, GLASS, "ben@example.com")
    refused(office, request, "signed by an offline key and says that ben")


def test_what_somebody_heaps_up_hides_no_used_and_no_refusal(office: Office) -> None:
    """Thousands of forged decisions under a request leave what stops it within what is looked at."""
    request = office.approved()
    for number in range(2100):
        put(office, names.decision_object(request, "approved", f"a{number:05d}"), b"x")
    put(office, names.used_object(request), b"")
    refused(office, request, "used already")


def test_an_id_that_is_none_is_told(office: Office) -> None:
    for request in ("", "../x", "20240115T120000Z-aaaaaaaa", names.new_request_id(office.now)):
        with pytest.raises(UsageError, match="litekeep requests"):
            office.desk().state(request)


def test_a_target_that_became_another_is_noticed(office: Office, tmp_path: Path) -> None:
    """The same path, as a link to another file."""
    request = office.approved()
    office.live.rename(tmp_path / "moved.db")
    office.live.symlink_to(tmp_path / "moved.db")
    refused(office, request, "target is .*moved.db", order=office.order())
