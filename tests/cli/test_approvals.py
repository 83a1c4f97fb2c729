"""Restores over live data in production need two persons, with key files or Cloud KMS."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shared.keys.kms_signing import CloudSigner
from shared.keys.signing import open_signer
from shared.statements.envelope import Signer
from tests.approvals.people import allowing, person, signed
from tests.cli.conftest import Outcome, Workplace
from tests.dump.equality import assert_equal
from tests.servers.kms.fixture import SIGNING_KEY
from tests.servers.kms.server import KmsServer
from tests.servers.sqlitecloud import Server


class Staff:
    """A workplace in production under a policy of Ana and Ben, with a good backup `one`."""

    def __init__(self, place: Workplace, keys: dict[str, str], signers: dict[str, Signer], **more: Any) -> None:
        self.place, self.keys = place, keys
        people = [person(name, signers[name]) for name in ("ana", "ben")]
        content = {"environment": "production", "people": people} | allowing(place.folder) | more
        (place.folder / "policy.json").write_bytes(signed(content, [signers["ana"], signers["ben"]]))
        place.environment.update(BACKUP_POLICY="policy.json", BACKUP_KEY="file:own.key", ENVIRONMENT="production")

    def run(self, who: str, *arguments: str, **settings: str) -> Outcome:
        return self.place.run(*arguments, BACKUP_SIGNING_KEY=self.keys[who], **settings)

    def good(self, who: str, *arguments: str) -> Outcome:
        outcome = self.run(who, *arguments)
        assert outcome.code == 0, outcome.err
        return outcome

    def ask(self, who: str, *arguments: str) -> str:
        request = self.good(who, "request", "restore", *arguments, "--reason", "orders lost", "--json").json
        assert request["state"] == "waiting"
        return str(request["id"])


@pytest.fixture
def staff(workplace: Workplace) -> Staff:
    workplace.good("keygen", "own.key")
    keys = {}
    for name in ("ana", "ben", "glass"):
        workplace.good("keygen", "--signing", f"{name}.key")
        keys[name] = f"file:{name}.key"
    signers = {name: open_signer(f"file:{workplace.folder}/{name}.key") for name in keys}
    glass = {"break_glass": {"keys": [signers["glass"].public.pem]}}
    return Staff(workplace, keys, signers, **glass)


def lose_events(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM events")


def test_approved_request_restores_a_file_in_place_once(staff: Staff) -> None:
    place = staff.place
    place.good("backup", "--name", "one", "--verify")
    good = place.database.read_bytes()
    lose_events(place.database)
    alone = place.run("restore", "--backup", "one", "--in-place")
    assert (alone.code, "needs two persons by the policy: ask with litekeep request restore" in alone.err) == (4, True)
    request = staff.ask("ana", "--backup", "one", "--in-place")
    own = staff.run("ana", "approve", request, "--yes")
    assert (own.code, "nobody may approve their own request" in own.err) == (4, True)
    shown = staff.good("ben", "approve", request, "--yes", "--reason", "I have seen the ticket").out
    for part in (f"target: {place.database}", "backup_id: one", "IN PLACE", "nothing has changed", "orders lost"):
        assert part in shown
    assert place.run("restore", "--request", request, "--in-place").code == 2
    done = place.good("restore", "--request", request, "--json").json
    assert_equal(place.database, written(place, good))
    assert done["safety"].startswith("before-restore-")
    again = place.run("restore", "--request", request)
    assert (again.code, "it is used already" in again.err) == (4, True)
    (listed,) = place.good("requests", "--json").json
    assert (listed["state"], listed["requester"], listed["approved_by"]) == (
        "used",
        "ana@example.com",
        "ben@example.com",
    )
    assert (listed["plan"]["backup_id"], listed["plan"]["in_place"]) == ("one", True)
    assert "used" in place.good("requests").out


def written(place: Workplace, content: bytes) -> Path:
    path = place.folder / "wanted.db"
    path.write_bytes(content)
    return path


@pytest.fixture
def kms() -> Iterator[KmsServer]:
    server = KmsServer()
    for name in ("ana", "ben"):
        server.add_key(SIGNING_KEY.replace("ana", name), signing=True)
    with server.running():
        yield server


def keys_in_files(place: Workplace, _: KmsServer) -> tuple[dict[str, str], dict[str, Signer]]:
    for name in ("ana", "ben"):
        place.good("keygen", "--signing", f"{name}.key")
    signers = {name: open_signer(f"file:{place.folder}/{name}.key") for name in ("ana", "ben")}
    return {name: f"file:{name}.key" for name in signers}, signers


def keys_in_kms(_: Workplace, kms: KmsServer) -> tuple[dict[str, str], dict[str, Signer]]:
    keys = {name: f"gcp-kms://{SIGNING_KEY.replace('ana', name)}/cryptoKeyVersions/1" for name in ("ana", "ben")}
    return keys, {name: CloudSigner(uri, endpoint=kms.endpoint) for name, uri in keys.items()}


@pytest.mark.parametrize("make", [keys_in_files, keys_in_kms])
def test_approved_request_restores_a_production_database_on_its_node(
    workplace: Workplace, kms: KmsServer, make: Callable[..., tuple[dict[str, str], dict[str, Signer]]]
) -> None:
    folder = workplace.folder / "node"
    folder.mkdir()
    (folder / "shop.db").write_bytes(workplace.database.read_bytes())
    with Server(folder) as node:
        workplace.good("keygen", "own.key")
        workplace.environment["DATABASE_URL"] = node.url("shop.db")
        workplace.good("backup", "--name", "one", BACKUP_KEY="file:own.key")
        lose_events(folder / "shop.db")
        keys, signers = make(workplace, kms)
        listed = {"sources": [f"{node.url('shop.db').split('?')[0]}"], "targets": ["sqlitecloud://*"]}
        staff = Staff(workplace, keys, signers, **listed)
        workplace.environment["LITEKEEP_KMS_ENDPOINT"] = kms.endpoint
        assert workplace.run("restore", "--backup", "one", "--in-place").code == 4
        request = staff.ask("ana", "--backup", "one", "--in-place")
        staff.good("ben", "approve", request, "--yes")
        done = workplace.good("restore", "--request", request, "--json").json
        assert done["id"] == "one"
        with closing(sqlite3.connect(folder / "shop.db")) as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() != (0,)
        assert workplace.run("restore", "--request", request).code == 4


def as_job(place: Workplace, *arguments: str, **settings: str) -> Outcome:
    return place.run(*arguments, module="jobs.restore", CLOUD_RUN_JOB="litekeep-restore", LOG_FORMAT="text", **settings)


def test_restore_job_under_a_policy_accepts_only_requests(staff: Staff) -> None:
    place = staff.place
    place.good("backup", "--name", "one")
    to = ("--backup", "one", "--to", str(place.folder / "restored-1.db"))
    request = staff.ask("ana", *to)
    for name in (
        "STORAGE_EMULATOR_HOST",
        "LITEKEEP_KMS_ENDPOINT",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ):
        outcome = as_job(place, f"--request={request}", **{name: "127.0.0.1:9"})
        assert (outcome.code, f"{name} is refused" in outcome.err) == (4, True)
    for settings in ({}, {"ENVIRONMENT": "test"}, {"BACKUP_POLICY": ""}):
        for arguments in (to, ("--backup", "one", "--in-place"), (*to, "--dry-run")):
            outcome = as_job(place, *arguments, **settings)
            assert outcome.code == 4, (settings, arguments, outcome.err)
    staff.good("ben", "approve", request, "--yes")
    assert as_job(place, "--request", request, *to).code == 2
    assert as_job(place, "--request", request, BACKUP_KEY="none").code == 4
    assert as_job(place, f"--request={request}", ENVIRONMENT="test").code == 0
    assert_equal(place.database, place.folder / "restored-1.db")


def test_in_place_restore_is_refused_after_policy_downgrade(staff: Staff) -> None:
    """The policy is removed, or replaced by an unsigned one or one of other people."""
    place = staff.place
    place.good("backup", "--name", "one")
    staff.ask("ana", "--backup", "one", "--in-place")
    plain = allowing(place.folder) | {"environment": "test"}
    (place.folder / "plain.json").write_text(json.dumps(plain))
    strangers = [open_signer(f"file:{place.folder}/{name}.key") for name in ("glass", "ben")]
    people = [person("glass", strangers[0]), person("ben", strangers[1])]
    (place.folder / "other.json").write_bytes(signed(plain | {"people": people}, strangers))
    for policy, message in (
        ("", "no such policy is in force"),
        ("plain.json", "no such policy"),
        ("other.json", "not the one"),
    ):
        outcome = place.run("restore", "--backup", "one", "--in-place", BACKUP_POLICY=policy, ENVIRONMENT="test")
        assert (outcome.code, message in outcome.err) == (4, True), outcome.err
    health = place.run("health", "--json", BACKUP_POLICY="other.json").json
    assert {found["name"]: found["ok"] for found in health}["approvals"] is False


def test_break_glass_key_approves_alone_and_emits_emergency(staff: Staff) -> None:
    place = staff.place
    place.good("backup", "--name", "one")
    request = staff.ask("ana", "--backup", "one", "--in-place")
    log = staff.run("glass", "approve", request, "--yes", LOG_FORMAT="json").err
    events = {found["event"]: found for found in map(json.loads, filter(None, log.splitlines()))}
    assert events["restore.break_glass"]["severity"] == "EMERGENCY"
    assert events["restore.break_glass"]["request"] == request
    log = place.good("restore", "--request", request, LOG_FORMAT="json").err
    events = {found["event"]: found for found in map(json.loads, filter(None, log.splitlines()))}
    assert events["restore.break_glass"]["severity"] == "EMERGENCY"
    (listed,) = place.good("requests", "--json").json
    assert (listed["approved_by"], listed["break_glass"], listed["state"]) == ("break-glass", True, "used")


def test_refusal_ends_an_approved_request(staff: Staff) -> None:
    place = staff.place
    place.good("backup", "--name", "one")
    request = staff.ask("ana", "--backup", "one", "--in-place")
    staff.good("ben", "approve", request, "--yes")
    assert "Refused" in staff.good("ana", "refuse", request, "--reason", "found another way", "--yes").out
    outcome = place.run("restore", "--request", request)
    assert (outcome.code, "refused by ana@example.com" in outcome.err) == (4, True)


def test_audit_names_the_persons_of_a_request(staff: Staff) -> None:
    staff.place.good("backup", "--name", "one", "--verify")
    request = staff.ask("ana", "--backup", "one", "--in-place")
    staff.good("ben", "approve", request, "--yes")
    found = staff.place.good("audit", "--json").json
    persons = [(each["action"], each["person"]) for each in found if each["event"] == "audit" and "person" in each]
    assert sorted(persons) == [("approve", "ben@example.com"), ("request", "ana@example.com")]
    assert len({each["actor"] for each in found if each["event"] == "audit"}) == 1, "the account, as before"
    rows = [line.split() for line in staff.place.good("audit").out.splitlines()]
    assert {row[1] for row in rows if len(row) > 2 and row[2] in ("approve", "request.approved")} == {"ben@example.com"}
    of_ben = staff.place.good("audit", "--actor", "ben@example.com", "--json").json
    assert [each.get("action") for each in of_ben if each["event"] == "audit"] == ["approve"]


def test_approve_needs_a_terminal_or_yes(staff: Staff) -> None:
    staff.place.good("backup", "--name", "one")
    request = staff.ask("ana", "--backup", "one", "--in-place")
    assert staff.run("ben", "approve", request).code == 2
    assert staff.place.run("approve", request, "--yes").code == 2  # no signing key
    assert staff.good("ben", "requests", "--json").json[0]["state"] == "waiting"


def test_health_reports_approvals_not_in_force(workplace: Workplace) -> None:
    workplace.good("backup")
    (found,) = (each for each in workplace.run("health", "--json").json if each["name"] == "approvals")
    assert found["ok"] is None
    assert "not in force" in found["detail"]


@pytest.fixture
def strict(staff: Staff) -> Staff:
    """The same people under a policy that also requires two persons for deletions."""
    folder = staff.place.folder
    signers = {name: open_signer(f"file:{folder}/{name}.key") for name in ("ana", "ben")}
    return Staff(staff.place, staff.keys, signers, delete="two-persons", cleanup_force="two-persons")


def asked(staff: Staff, *arguments: str) -> str:
    request = str(staff.good("ana", "request", *arguments, "--reason", "agreed", "--json").json["id"])
    staff.good("ben", "approve", request, "--yes")
    return request


def test_rows_restore_in_production_needs_an_approved_request(strict: Staff) -> None:
    place = strict.place
    place.good("backup", "--name", "one")
    good = written(place, place.database.read_bytes())
    lose_events(place.database)
    where = ("--from", "one", "--table", "events", "--where", "id < 5")
    assert place.run("rows", "restore", *where).code == 4
    keys = place.folder / "keys.txt"
    keys.write_text("1\n2\n")
    request = asked(strict, "rows", "--from", "one", "--table", "events", "--keys", str(keys))
    keys.write_text("1\n3\n")
    changed = place.run("rows", "restore", "--request", request, "--keys", str(keys))
    assert (changed.code, "keys_sha256 is" in changed.err) == (4, True)
    request = asked(strict, "rows", *where)
    assert place.run("rows", "restore", "--request", request, "--where", "1").code == 2
    assert place.good("rows", "restore", "--request", request, "--json").json["inserted"] > 0
    assert place.run("rows", "restore", "--request", request).code == 4
    with closing(sqlite3.connect(place.database)) as live, closing(sqlite3.connect(good)) as then:
        query = "SELECT * FROM events WHERE id < 5 ORDER BY id"
        assert live.execute(query).fetchall() == then.execute(query).fetchall()


def test_delete_needs_an_approved_request_under_the_policy(strict: Staff) -> None:
    place = strict.place
    for name in ("one", "two"):
        place.good("backup", "--name", name)
    alone = place.run("delete", "two", "--reason", "mine")
    assert (alone.code, "needs two persons" in alone.err) == (4, True)
    request = asked(strict, "delete", "two")
    assert place.run("restore", "--request", request).code == 4
    assert place.run("delete", "one", "--reason", "x", "--request", request).code == 2
    assert place.good("delete", "--request", request, "--json").json["id"] == "two"
    assert [each["id"] for each in place.good("list", "--json").json] == ["one"]
    assert place.run("delete", "--request", request).code == 4


def test_forced_cleanup_needs_an_approved_request_with_the_same_rules(strict: Staff) -> None:
    place = strict.place
    place.good("backup", "--name", "one")
    assert place.run("cleanup", "--force").code == 4
    request = asked(strict, "cleanup")
    shorter = place.run("cleanup", "--request", request, BACKUP_RETENTION="on-demand=1h")
    assert (shorter.code, "retention is" in shorter.err) == (4, True)
    assert place.run("cleanup", "--request", request, "--dry-run").code in (0, 1)
    assert place.run("cleanup", "--request", request).code in (0, 1)
    assert place.run("cleanup", "--request", request).code == 4
