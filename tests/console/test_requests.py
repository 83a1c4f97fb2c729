"""Restore requests on the pages: making one, deciding on it, and the attacks on both."""

import json
from pathlib import Path

import pytest

from tests.console.site import BASE, Site

ANA, BEN, EVE = "ana@example.com", "ben@example.com", "eve@example.com"


@pytest.fixture
def office(site: Site) -> Site:
    """A site with a policy that requires approvals."""
    site.with_policy()
    return site


def stored(site: Site) -> list[str]:
    """The names of the stored requests and decisions."""
    return sorted(path.name for path in (site.store / "requests").glob("*"))


def test_request_by_one_person_is_approved_by_another(office: Site) -> None:
    request = office.ask()
    assert office.json(f"/request?id={request}", BEN)["state"] == "waiting"

    assert office.decide(request, BEN).status_code == 303
    found = office.json(f"/request?id={request}")
    assert (found["state"], found["requester"], found["approved_by"]) == ("approved", ANA, BEN)
    assert found["command"] == f"litekeep restore --request {request}"


def test_refused_request_is_refused_for_good(office: Site) -> None:
    request = office.ask()

    assert office.decide(request, BEN, "refused").status_code == 303
    assert office.json(f"/request?id={request}")["state"] == "refused"


def test_requester_cannot_approve_own_request(office: Site) -> None:
    request = office.ask()
    page = office.get(f"/request?id={request}").text
    assert 'value="approved"' not in page
    assert "Nobody approves their own request." in page

    answer = office.decide(request, ANA)
    assert answer.status_code == 403
    assert "nobody may approve their own request" in answer.text
    assert stored(office) == [f"{request}.request.json"]


def test_form_of_another_person_is_rejected(office: Site) -> None:
    request = office.ask()
    form = office.form(f"/request?id={request}", "/request/decide", BEN)

    answer = office.post("/request/decide", form | {"decision": "approved"}, EVE)
    assert answer.status_code == 403
    assert office.post("/request/decide", form | {"decision": "approved"}, ANA).status_code == 403
    assert stored(office) == [f"{request}.request.json"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": f"{BASE}.evil.example.com"},
        {"Origin": BASE, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_cross_site_form_is_rejected(office: Site, headers: dict[str, str]) -> None:
    request = office.ask()
    form = office.form(f"/request?id={request}", "/request/decide", BEN)

    answer = office.post("/request/decide", form | {"decision": "approved"}, BEN, headers=headers)
    assert answer.status_code == 403
    assert stored(office) == [f"{request}.request.json"]


@pytest.mark.parametrize("token", [None, "", "x", "eyJhIjoxfQ.abc.def"])
def test_form_without_valid_token_is_rejected(office: Site, token: str | None) -> None:
    form = office.form("/restore?database=app.db&plan=1&ref=first&how=in-place", "/restore")
    form.pop("form_token")
    sent = form | {"reason": "x"} | ({} if token is None else {"form_token": token})

    assert office.post("/restore", sent).status_code == 403
    assert stored(office) == []


def test_token_of_another_form_is_rejected(office: Site) -> None:
    request = office.ask()
    form = office.form("/restore?database=app.db&plan=1&ref=first&how=in-place", "/restore", BEN)
    data = {"form_token": form["form_token"], "decision": "approved"}

    assert office.post("/request/decide", data, BEN).status_code == 403
    assert stored(office) == [f"{request}.request.json"]


def test_form_sent_twice_makes_one_request_and_one_decision(office: Site) -> None:
    form = office.form("/restore?database=app.db&plan=1&ref=first&how=in-place", "/restore") | {"reason": "lost"}
    assert [office.post("/restore", form).status_code for _ in range(3)] == [303, 409, 409]
    (name,) = stored(office)

    request = name.partition(".")[0]
    decision = office.form(f"/request?id={request}", "/request/decide", BEN) | {"decision": "approved"}
    assert [office.post("/request/decide", decision, BEN).status_code for _ in range(2)] == [303, 403]
    assert len(stored(office)) == 2


def test_plan_that_changed_since_it_was_shown_is_not_requested(office: Site) -> None:
    form = office.form("/restore?database=app.db&plan=1&ref=first&how=in-place", "/restore") | {"reason": "lost"}

    answer = office.post("/restore", form | {"how": "beside"})
    assert answer.status_code == 422
    assert "the plan has changed since it was shown" in answer.text
    assert stored(office) == []


def test_person_outside_the_policy_can_only_view(office: Site) -> None:
    page = office.get("/restore?database=app.db&plan=1&ref=first&how=in-place", EVE)
    assert page.status_code == 200
    assert 'method="post"' not in page.text
    form = office.form("/restore?database=app.db&plan=1&ref=first&how=in-place", "/restore")

    assert office.post("/restore", form | {"reason": "x"}, EVE).status_code == 403
    assert stored(office) == []


def test_only_viewers_of_the_policy_may_view(site: Site) -> None:
    site.with_policy(may_view=["*@audit.example.com"])

    assert site.get("/", "carla@audit.example.com").status_code == 200
    assert site.get("/", ANA).status_code == 200
    assert site.get("/", EVE).status_code == 403


def test_console_that_may_not_decide_shows_no_decision_form(site: Site) -> None:
    site.with_policy(may_decide=False)
    request = site.ask()
    page = site.get(f"/request?id={request}", BEN).text

    assert "/request/decide" not in page
    assert "the policy lets the console decide nothing" in page


def test_target_outside_the_policy_gets_no_plan(office: Site) -> None:
    page = office.get("/restore?database=app.db&plan=1&ref=first&how=to&to=/srv/elsewhere.db").text

    assert "targets do not list" in page
    assert 'method="post"' not in page


def test_rate_limit_returns_429_with_retry_after(office: Site) -> None:
    answers = [office.post("/restore", {}) for _ in range(14)]

    assert {each.status_code for each in answers[:12]} == {403}
    assert {each.status_code for each in answers[12:]} == {429}
    assert answers[-1].headers["Retry-After"] == "60"
    assert office.get("/").status_code == 200
    assert office.post("/restore", {}, BEN).status_code == 403


def test_no_open_redirect(office: Site) -> None:
    request = office.ask()
    form = office.form(f"/request?id={request}", "/request/decide", BEN) | {"decision": "approved"}
    query = "?next=https://evil.example.com&url=//evil.example.com"

    answer = office.post(f"/request/decide{query}", form | {"next": "https://evil.example.com"}, BEN)
    assert answer.headers["Location"] == f"/request?id={request}"


def test_actions_are_audited_in_the_name_of_the_person(office: Site, capfd: pytest.CaptureFixture[str]) -> None:
    office.more["LOG_FORMAT"] = "json"
    request = office.ask()
    office.decide(request, BEN)
    office.decide(request, ANA, "refused")

    events = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    audited = [(each["actor"], each["action"], each["outcome"]) for each in events if each["event"] == "audit"]
    assert audited == [(ANA, "request", "succeeded"), (BEN, "approve", "succeeded"), (ANA, "refuse", "succeeded")]
    assert {"request.made", "request.approved", "request.refused"} <= {each["event"] for each in events}


def test_pages_show_no_secrets(office: Site, tmp_path: Path) -> None:
    secret = "s" * 40
    office.more |= {
        "BACKUP_CONSOLE_SECRET": secret,
        "DATABASE_URL": "sqlitecloud://host.sqlite.cloud:8860/a?apikey=KEY9",
    }
    office.more.pop("BACKUP_POLICY")
    for path in ("/", "/database?name=app.db", "/restore?database=app.db&plan=1&how=beside&ref=first", "/requests"):
        text = office.get(path).text
        assert secret not in text
        assert "KEY9" not in text
