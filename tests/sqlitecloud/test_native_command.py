"""The commands `native`, `restore --native` and `health`, run against a node."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from litekeep.app import litekeep
from litekeep.commands.native import watched
from litekeep.native_screen import evaluate
from shared.errors import SourceError, UsageError
from shared.keys.signing import SigningFile
from shared.sqlitecloud import native_backups
from shared.sqlitecloud.location import CloudLocation
from tests.approvals.people import allowing, person, signed
from tests.cli.conftest import Outcome, Workplace, one_line, sample, workplace  # noqa: F401 - fixtures
from tests.servers.sqlitecloud import APIKEY, Server
from tests.servers.sqlitecloud.clock import Clock
from tests.sqlitecloud.conftest import NAME, address_of
from tests.sqlitecloud_server.raw import Raw

AGO = timedelta(minutes=10)
OneLine = Callable[[Outcome, int], str]


@pytest.fixture
def node(data: Path) -> Iterator[Server]:
    """A node whose clock is ten minutes behind, so that its new points are ten minutes old."""
    with Server(data, plain=True, clock=Clock((datetime.now(UTC) - AGO).replace(microsecond=0))) as running:
        yield running


@pytest.fixture
def place(workplace: Workplace, node: Server) -> Workplace:  # noqa: F811
    settings = {"DATABASE_URL": node.url(NAME), "BACKUP_KEY": "none", "XDG_STATE_HOME": str(workplace.folder / "state")}
    return replace(workplace, environment=workplace.environment | settings)


@pytest.fixture
def here(node: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of `place`, for commands that run in the test process."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"DATABASE_URL": node.url(NAME), "BACKUP_KEY": "none", "XDG_STATE_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)


def insert(node: Server, value: str = "new") -> None:
    with Raw(node, NAME) as client:
        client.ask("INSERT INTO t (n) VALUES (?)", value)


def rows(node: Server) -> int:
    with Raw(node, NAME) as client:
        return int(client.ask("SELECT count(*) FROM t").split(b":")[-1])


def test_native_backups_are_disabled_then_enabled_then_listed(place: Workplace, node: Server) -> None:
    assert "native backups are off" in place.good("native", "status").out
    document = place.good("native", "enable", "--retention", "168h", "--json").json
    assert (document["enabled"], document["retention_seconds"], document["alerts"]) == (True, 604800, [])
    node.clock.advance(60)
    insert(node)
    listed = place.good("native", "list", "--json").json
    assert [point["type"] for point in listed] == ["wal", "snapshot"]
    assert listed[0]["created"] > listed[1]["created"]
    assert listed[0]["created"] in place.good("native", "list").out
    audit = [json.loads(line) for line in (place.folder / "state/litekeep/audit.jsonl").read_text().splitlines()]
    assert [(line["action"], line["outcome"], line["database"]) for line in audit] == [("enable", "succeeded", NAME)]


def test_status_shows_the_age_of_the_newest_point_and_no_alert_without_writes(place: Workplace, node: Server) -> None:
    native_backups.enable(address_of(node), NAME)
    document = place.good("native", "status", "--json").json
    assert 600 <= document["gap_seconds"] < 700
    assert (document["writes_go_on"], document["alerts"]) == (None, [])
    assert "10 min ago" in place.good("native", "status").out


@pytest.mark.parametrize("wrote", [True, False])
def test_watching_detects_ongoing_writes(node: Server, *, wrote: bool) -> None:
    address = address_of(node)
    native_backups.enable(address, NAME)
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if wrote:
            insert(node)

    inventory, found = watched(CloudLocation(address, NAME), 60, pause)
    assert (waited, found) == ([60], wrote)
    problem = evaluate(inventory, wrote=found).problem
    assert (problem is not None) == wrote


@pytest.mark.parametrize("command", [("native", "restore"), ("restore", "--native")])
def test_native_restore_takes_a_safety_backup_and_logs_events(
    place: Workplace, node: Server, command: tuple[str, ...]
) -> None:
    native_backups.enable(address_of(node), NAME)
    moment = f"{node.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    node.clock.advance(60)
    insert(node)

    dry = place.good(*command, "--at", moment, "--dry-run", "--json").json
    assert (dry["dry_run"], dry["replaces"], rows(node)) == (True, True, 61)
    assert not place.store.exists()

    outcome = place.good(*command, "--at", moment, "--json", LOG_FORMAT="json")
    document = outcome.json
    assert (document["rows"], document["tables"], document["verified"], rows(node)) == (60, 1, True, 60)
    assert (document["id"], document["safety"][:15]) == (f"native@{moment}", "before-restore-")
    events = [json.loads(line) for line in outcome.err.splitlines()]
    assert [event["event"] for event in events] == ["restore.started", "restore.succeeded", "audit"]
    assert {event["backup_id"] for event in events} == {f"native@{moment}"}
    assert {event["kind"] for event in events} == {"native"}
    assert APIKEY not in outcome.err + outcome.out
    assert [item["id"] for item in place.good("list", "--json").json] == [document["safety"]]


def test_approved_native_restore_runs_once(place: Workplace, node: Server) -> None:
    native_backups.enable(address_of(node), NAME)
    moment = f"{node.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    node.clock.advance(60)
    insert(node)
    signers = {name: SigningFile.create(place.folder / f"{name}.key") for name in ("ana", "ben")}
    where = ["sqlitecloud://*"]
    content = allowing(place.folder, keys=["none"], sources=where, targets=where) | {
        "environment": "staging",
        "restore": {"in_place": "two-persons"},
        "people": [person(name, signer) for name, signer in signers.items()],
    }
    (place.folder / "policy.json").write_bytes(signed(content, list(signers.values())))
    place.environment["BACKUP_POLICY"] = "policy.json"
    alone = place.run("native", "restore", "--at", moment)
    assert (alone.code, "needs two persons" in alone.err) == (4, True)
    asked = place.good(
        *("request", "restore", "--native", "--at", moment, "--reason", "lost", "--json"),
        BACKUP_SIGNING_KEY="file:ana.key",
    ).json
    assert asked["plan"]["at"] == moment
    place.good("approve", asked["id"], "--yes", BACKUP_SIGNING_KEY="file:ben.key")
    assert rows(node) == 61
    assert place.good("restore", "--request", asked["id"], "--json").json["rows"] == rows(node) == 60
    assert place.run("restore", "--request", asked["id"]).code == 4


def test_refused_native_restore_in_production_is_exit_4_and_audited(
    place: Workplace,
    node: Server,
    one_line: OneLine,  # noqa: F811
) -> None:
    native_backups.enable(address_of(node), NAME)
    moment = f"{node.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    url = node.url(NAME, insecure="false", apikey=APIKEY)
    line = one_line(place.run("native", "restore", "--at", moment, ENVIRONMENT="production", DATABASE_URL=url), 4)
    assert f"litekeep restore --at {moment} --to" in line
    audit = [json.loads(line) for line in (place.folder / "state/litekeep/audit.jsonl").read_text().splitlines()]
    assert [(line["action"], line["outcome"]) for line in audit] == [("restore", "refused")]
    assert not place.store.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("native", "restore", "--at", "2020-01-01"), "before the oldest"),
        (("native", "restore", "--at", "2999-01-01"), "future"),
        (("native", "restore", "--at", "soon"), "is not a time"),
        (("restore", "--native"), "--at TIME is missing"),
        (("restore", "--native", "--at", "2020-01-01", "--to", "x.db"), "leave out"),
        (("restore", "--native", "--at", "2020-01-01", "--backup", "latest"), "leave out"),
        (("native", "enable", "--retention", "soon"), "--retention"),
        (("native", "enable", "--retention", "1h", "--interval", "24h"), "longer than the retention"),
        (("native", "list", "--database", "a;b"), "not allowed"),
    ],
)
def test_invalid_input_is_a_usage_error_and_changes_nothing(
    here: None, node: Server, arguments: tuple[str, ...], message: str
) -> None:
    native_backups.enable(address_of(node), NAME)
    asked = len(node.connections)
    with pytest.raises(UsageError, match=message):
        litekeep.main(arguments, standalone_mode=False)
    sent = [text for one in node.connections[asked:] for text in one.requests]
    assert not any(text.startswith(("SET", "RESTORE", "REMOVE", "UPLOAD")) for text in sent)
    assert rows(node) == 60


def test_native_backups_of_a_file_are_a_usage_error(here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "app.db")
    with pytest.raises(UsageError, match="names a file"):
        litekeep.main(["native", "status"], standalone_mode=False)


def test_database_flag_names_another_database_of_the_project(here: None) -> None:
    with pytest.raises(SourceError, match=r"other\.db does not exist"):
        litekeep.main(["native", "status", "--database", "other.db"], standalone_mode=False)


def test_health_prints_a_line_per_check_and_exits_1_on_a_failure(place: Workplace, node: Server) -> None:
    document = place.good("health", "--json").json
    assert [item["name"] for item in document][:4] == ["source", "tls", "login", "database"]
    assert [item["name"] for item in document][-3:] == ["store", "key", "approvals"]
    node.accounts.add_user("job", "secret", "READ,DOWNLOAD,BACKUP")
    url = node.url(NAME, login="job:secret")
    assert place.good("health", DATABASE_URL=url).out.count("missing, not needed for backups") == 3
    lacking = place.run("health", "--restores", DATABASE_URL=url)
    assert lacking.code == 1
    assert lacking.out.count("GRANT PRIVILEGE") == 3
    assert "secret" not in lacking.out + lacking.err
