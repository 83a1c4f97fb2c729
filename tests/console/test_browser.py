"""The console in a real browser: a restore by two people, accessibility, narrow screens, hostile names, keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.console.browsing import Visit, chromium, visit
from tests.console.deployment import Deployment, deployed
from tests.console.exhibits import HOSTILE, REASON, furnish, furnish_with_hostile_names
from tests.console.issuer import Issuer, publishing
from tests.console.site import Site
from tests.servers.gcs.server import make_bucket, running_server

pytestmark = pytest.mark.xdist_group("browser")  # all of these share one browser and one console
DARK = [
    "/",
    "/database?name=app.db",
    "/restore?database=app.db&ref=first&how=in-place&plan=1",
]  # these use every colour
OPTIONS = {  # in dark only the colours differ
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
BEN = "ben@example.com"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), Issuer())
    with pytest.MonkeyPatch.context() as patch, publishing(made.issuer) as port:
        patch.setenv("LITEKEEP_IAP_ENDPOINT", f"127.0.0.1:{port}")
        made.keys_port = port
        made.run("CREATE TABLE users(id INTEGER PRIMARY KEY, name); INSERT INTO users(name) VALUES ('kept')")
        made.backup("first")
        furnish(made)
        furnish_with_hostile_names(made)
        made.with_policy()
        yield made


@pytest.fixture(scope="module")
def console(site: Site) -> Iterator[Deployment]:
    with deployed(site.folder, site.environment, site.issuer, site.keys_port) as found:
        yield found


@pytest.fixture(scope="module")
def pages(site: Site, console: Deployment) -> list[str]:
    """The addresses of all pages: 12 usual ones, then those of hostile names. A request has a hostile reason."""
    request = site.ask(reason=REASON, query="ref=first&how=beside")
    hostile = [f"/database?{urlencode({'name': name})}" for name in HOSTILE]
    hostile += [
        f"/backup?{urlencode({'kind': 'daily', 'database': name, 'id': f'hostile-{number}'})}"
        for number, name in enumerate(HOSTILE)
    ]
    hostile += [f"/restore?{urlencode({'database': name, 'plan': '1', 'how': 'beside'})}" for name in HOSTILE]
    usual = [
        "/",
        f"/?{urlencode({'q': HOSTILE[0]})}",
        "/database?name=app.db",
        "/database?name=orders.db",
        "/backup?kind=daily&database=app.db&id=first",
        "/restore?database=app.db",
        "/restore?database=app.db&ref=first&how=in-place&plan=1",
        "/requests",
        f"/request?id={request}",
        "/drills",
        "/audit",
        "/cost",
    ]
    return [*usual, *hostile]


def test_restore_by_two_people_in_two_browsers_without_script(
    browser: Browser, site: Site, console: Deployment
) -> None:
    site.run("DELETE FROM users")
    with (
        visit(browser, console, java_script_enabled=False) as ana,
        visit(browser, console, BEN, java_script_enabled=False) as ben,
    ):
        page = ana.go("/")
        page.get_by_role("link", name="app.db", exact=True).click()
        page.get_by_role("link", name="Restore it").click()
        page.locator("select[name=ref]").select_option("first")
        page.get_by_label("In place").check()
        page.get_by_role("button", name="Show the plan").click()
        page.get_by_label("Reason").fill("orders lost at 10:40")
        page.get_by_role("button", name="Request this restore").click()
        assert page.get_by_role("button", name="Approve").count() == 0

        theirs = ben.go("/requests")
        theirs.get_by_role("row").filter(has_text="orders lost at 10:40").get_by_role("link").first.click()
        theirs.get_by_role("button", name="Approve").click()
        assert theirs.get_by_text("Approved by").count() == 1

        page.get_by_role("link", name="Reload").click()
        page.get_by_role("button", name="Start the restore").click()
        console.job.finish()
        page.get_by_role("link", name="Reload").click()
        assert page.get_by_text("the request cannot be used again").count() == 1
        assert page.get_by_text("restore succeeded").count() == 1

    assert site.run("SELECT name FROM users") == [("kept",)]
    (asked,) = console.job.asked
    assert list(asked["overrides"]) == ["containerOverrides"]
    assert [list(each) for each in asked["overrides"]["containerOverrides"]] == [["args"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(browser: Browser, console: Deployment, pages: list[str], scheme: Any) -> None:
    with (
        visit(browser, console, bypass_csp=True, color_scheme=scheme) as ana,
        visit(browser, console, BEN, bypass_csp=True, color_scheme=scheme) as ben,
    ):
        for path in DARK if scheme == "dark" else [*pages[:12], *pages[12::7]]:
            who = ben if path.startswith("/request?") else ana
            found = Axe().run(who.go(path), options=OPTIONS[scheme]).response["violations"]
            serious = [each for each in found if each["impact"] in ("serious", "critical")]
            assert [(path, each["id"], each["nodes"][0]["html"]) for each in serious] == []


def test_pages_fit_360_pixels_and_run_no_hostile_markup(
    browser: Browser, console: Deployment, pages: list[str]
) -> None:
    with visit(browser, console, viewport={"width": 360, "height": 740}) as ana:
        for path in pages:
            page = ana.go(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
            assert page.evaluate("document.querySelectorAll('main img, main script, main b, [onfocus]').length") == 0
        assert ana.trouble == []


def test_hostile_database_names_are_shown_as_text(browser: Browser, console: Deployment) -> None:
    with visit(browser, console) as ana:
        page = ana.go("/?sort=name")
        shown = page.locator("th .name").all_inner_texts()
        assert HOSTILE[0] in shown
        assert HOSTILE[1] in shown
        assert HOSTILE[2] in shown
        assert "right\N{REPLACEMENT CHARACTER}bd.to\N{REPLACEMENT CHARACTER}left.db" in shown
        assert ana.trouble == []


def test_restore_can_be_requested_by_keyboard_alone(browser: Browser, console: Deployment) -> None:
    with visit(browser, console) as ana:
        page = ana.go("/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        _tab_to(ana, "app.db")
        page.keyboard.press("Enter")
        page.wait_for_url("**/database?**")
        _tab_to(ana, "Restore it")
        page.keyboard.press("Enter")
        page.wait_for_url("**/restore?**")
        _tab_to(ana, "plan")
        page.keyboard.press("Enter")
        page.wait_for_url("**plan=1**")
        _tab_to(ana, "reason")
        page.keyboard.type("by the keyboard")
        page.keyboard.press("Enter")
        page.wait_for_url("**/request?**")
        assert page.get_by_text("by the keyboard").count() == 1


def _tab_to(who: Visit, what: str) -> None:
    """Presses Tab until the element with that text or field name is focused; checks that the focus is visible."""
    for _ in range(200):
        who.page.keyboard.press("Tab")
        words, style = who.page.evaluate(
            "[document.activeElement.name || document.activeElement.textContent.trim(),"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if words == what:
            assert style != "none"
            return
    raise AssertionError(f"Tab does not reach {what}")


def test_console_shows_a_bucket(browser: Browser, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server(tmp_path / "gcs.log") as port:
        make_bucket(port, "acme-backups")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        site.backup("in-bucket", store="gs://acme-backups")
        settings = {"BACKUP_STORE": "gs://acme-backups", "BACKUP_KEY": "none"}
        with deployed(tmp_path, settings, site.issuer, site.keys_port) as console, visit(browser, console) as ana:
            page = ana.go("/")
            assert page.get_by_text("gs://acme-backups").count() == 1
            page.get_by_role("link", name="app.db", exact=True).click()
            page.get_by_role("link", name="in-bucket").click()
            assert page.get_by_text("Stored files").count() == 1
