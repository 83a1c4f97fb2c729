"""Every page: security headers, the JSON document, no row values; and the content of some pages."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.console.site import BASE, Site

PAGES = [
    "/",
    "/?q=app&state=ok&sort=name",
    "/database?name=app.db",
    "/backup?kind=daily&database=app.db&id=first",
    "/restore?database=app.db",
    "/drills",
    "/cost",
    "/requests",
]


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/health", "/static/console.css"])
def test_every_response_has_the_security_headers(site: Site, path: str) -> None:
    with site.get(path) as answer:
        headers = answer.headers

    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["style-src"] == policy["form-action"] == "'self'"
    assert "script-src" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert path == "/static/console.css" or headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_no_script_inline_style_or_external_resource(site: Site, path: str) -> None:
    answer = site.get(path)
    text = answer.text

    assert answer.status_code == 200
    assert "<script" not in text
    assert "style=" not in text
    assert " on" not in {part[:3] for part in text.split('"')}
    assert "http://" not in text.replace("http://www.w3.org", "")


@pytest.mark.parametrize("path", PAGES)
def test_pages_show_no_row_values(site: Site, path: str) -> None:
    assert "the-value-of-a-row" not in site.get(path).text
    assert "the-value-of-a-row" not in str(site.json(path))


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_available_as_json_with_the_time_of_its_data(site: Site, path: str) -> None:
    answer = site.get(path, headers={"Accept": "application/json"})

    assert answer.is_json
    assert answer.json["as_of"] in site.get(path).text
    assert "Accept" in answer.headers["Vary"]


def test_overview_shows_the_status_of_each_database(site: Site) -> None:
    found = site.json()

    assert (found["count"], found["status"]) == (1, "ok")
    (row,) = found["databases"]
    assert row["database"] == "app.db"
    assert row["last_backup"]["id"] == "first"
    assert row["last_verified"] is None
    assert row["deleted_next"]["id"] == "first"


def test_overview_sorts_worst_first_and_supports_filters_and_pages(site: Site) -> None:
    for number in range(51):
        site.run("CREATE TABLE t(a)", f"db-{number:02}.db")
        site.backup(database=f"db-{number:02}.db")
    path = next((site.store / "daily" / "db-50.db").glob("*.sql.gz"))
    path.write_bytes(b"cut")

    first, second = site.json("/"), site.json("/?page=2")
    assert first["databases"][0]["database"] == "db-50.db"
    assert (first["pages"], len(first["databases"]), len(second["databases"])) == (2, 50, 2)
    assert site.json("/?q=DB-1&sort=name")["databases"][0]["database"] == "db-10.db"
    assert site.json("/?state=failing")["matching"] == 1


def test_database_page_does_not_list_the_copy_store_again(site: Site) -> None:
    mounted = site.folder / "mounted"
    mounted.mkdir()
    site.more["BACKUP_COPY_STORE"] = str(mounted / "copies")
    overview = site.json()
    mounted.rmdir()

    shown = site.json("/database?name=app.db")
    assert (shown["store_alerts"], shown["as_of"]) == ([], overview["as_of"])


@pytest.mark.parametrize("query", ["sort=x", "state=x", "page=0", "page=2", "page=%D9%A1", "page=1e3"])
def test_invalid_query_is_reported_in_one_line(site: Site, query: str) -> None:
    answer = site.get(f"/?{query}", headers={"Accept": "application/json"})

    assert answer.status_code == 400
    assert set(answer.json) == {"error", "status"}


def test_database_page_plots_the_age_limit_and_lists_the_intervals(site: Site) -> None:
    site.backup(taken=datetime.now(UTC) - timedelta(days=2))
    shown = site.get("/database?name=app.db", headers={"Accept": "application/json"}).json
    assert shown["allowed_age_seconds"] == 25 * 3600
    intervals = [each["since_before_seconds"] for each in shown["history"]]
    assert intervals[-1] is None
    assert all(each > 0 for each in intervals[:-1])
    page = site.get("/database?name=app.db").text
    assert 'class="limit"' in page
    assert "the greatest age of the newest backup that the schedules allow" in page


def test_cost_uses_the_prices_of_the_chosen_location(site: Site) -> None:
    here, there = (
        site.get(f"/cost{query}", headers={"Accept": "application/json"}).json
        for query in ("", "?location=EUROPE-CENTRAL2")
    )
    assert (here["location"], there["location"]) == ("us-central1", "europe-central2")
    assert "<option selected>europe-central2</option>" in site.get("/cost?location=europe-central2").text
    assert site.get("/cost?location=nowhere").status_code == 400


def test_unknown_database_returns_404(site: Site) -> None:
    assert site.get("/database?name=other.db").status_code == 404


def test_unreadable_store_is_reported_without_traceback(site: Site) -> None:
    site.client.get("/health", base_url=BASE)
    site.store.rename(site.folder / "elsewhere")
    site.store.write_text("not a folder")
    answer = site.get("/")

    assert answer.status_code == 502
    assert "Traceback" not in answer.text
