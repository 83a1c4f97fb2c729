"""The changes since a request was made, as shown to the person who decides."""

from shared.approvals.actions import Action
from shared.approvals.changes import changes_since
from shared.approvals.desk import Desk, Plan
from shared.approvals.documents import APPROVE_WITHIN, EXECUTE_WITHIN
from shared.catalog.listing import Catalog
from shared.clock import rfc3339
from shared.operations.restore.permitted import plan_of
from tests.approvals.conftest import Office
from tests.approvals.people import ANA


def make_request(office: Office, desk: Desk, about: Plan) -> str:
    order = office.order()
    _, raw = order.catalog.read_manifest(order.backup)
    return desk.request(ANA, Action.RESTORE, plan_of(order, raw), about, "orders lost").id


def changes(office: Office, about: Plan) -> tuple[list[str], str | None]:
    desk = office.desk()
    return changes_since(Catalog(office.store), desk, desk.state(make_request(office, desk, about)))


def test_only_differences_since_the_request_are_shown(office: Office) -> None:
    backup = Catalog(office.store).find("one")
    now: Plan = {"verified": backup.verified, "wrong": backup.wrong}
    assert changes(office, now) == changes(office, {}) == ([], None)
    assert changes(office, {**now, "verified": True}) == (["verified is not known now, and was yes"], None)


def test_request_expires_after_a_day_and_approval_after_four_hours(office: Office) -> None:
    request = office.ask()
    asked_at = office.now
    assert office.desk().state(request).to_json()["expires_at"] == rfc3339(asked_at + APPROVE_WITHIN)
    office.decide(request)
    assert office.desk().state(request).to_json()["expires_at"] == rfc3339(asked_at + EXECUTE_WITHIN)
