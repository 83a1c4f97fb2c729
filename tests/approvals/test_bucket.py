"""Approval by two persons with keys in Cloud KMS and stores in buckets."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.approvals.actions import Action
from shared.audit.take import CheckpointOptions, take_checkpoint
from shared.errors import NotPermitted
from shared.keys.kms_signing import CloudSigner
from shared.model import request_names as names
from shared.settings import Settings
from shared.statements.envelope import Signer
from shared.stores import open_store
from shared.terminal.approvals import permit_of
from tests.approvals.conftest import Office
from tests.approvals.people import person, policy
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Proxy
from tests.servers.kms.fixture import SIGNING_KEY
from tests.servers.kms.server import KmsServer

EMPTY: list[tuple[object, ...]] = []


@pytest.fixture
def signers() -> Iterator[dict[str, Signer]]:
    """Ana's and Ben's keys."""
    server = KmsServer()
    keys = {name: SIGNING_KEY.replace("ana", name) for name in ("ana", "ben")}
    for key in keys.values():
        server.add_key(key, signing=True)
    with server.running():
        yield {
            name: CloudSigner(f"gcp-kms://{key}/cryptoKeyVersions/1", endpoint=server.endpoint)
            for name, key in keys.items()
        }


@pytest.fixture
def office(tmp_path: Path, gcs: Proxy, bucket: str, signers: dict[str, Signer]) -> Office:  # noqa: F811
    stores = [open_store(f"gs://{bucket}/{place}") for place in ("main", "copy")]
    people = [person(name, signer) for name, signer in signers.items()]
    made = Office(tmp_path, datetime.now(UTC), stores, policy(*signers.values(), people=people))
    made.run("CREATE TABLE t(a); INSERT INTO t VALUES ('kept')")
    made.backup("one")
    made.run("DELETE FROM t")
    return made


def approved(office: Office, signers: dict[str, Signer]) -> str:
    request = office.ask(signers["ana"])
    office.decide(request, signers["ben"])
    return request


def remove(office: Office, name: str, places: int = 2) -> None:
    """Deletes objects, like an attacker with the right to delete in the bucket."""
    for store in office.stores[:places]:
        for item in list(store.list_objects(name)):
            store.delete(item.name, item.generation)


def assert_refused(office: Office, request: str, why: str) -> None:
    with pytest.raises(NotPermitted, match=why):
        office.restore(request)
    assert office.run("SELECT * FROM t") == EMPTY


def test_approved_restore_with_kms_keys_runs_once(office: Office, signers: dict[str, Signer]) -> None:
    request = approved(office, signers)
    office.restore(request)
    assert office.run("SELECT * FROM t") == [("kept",)]
    office.run("DELETE FROM t")
    assert_refused(office, request, "used already")
    used = names.used_object(request)
    assert [len(list(store.list_objects(used))) for store in office.stores] == [1, 1]


def test_one_person_alone_is_refused_and_concurrent_restores_run_once(
    office: Office, signers: dict[str, Signer]
) -> None:
    request = office.ask(signers["ana"])
    with pytest.raises(NotPermitted, match="nobody may approve their own request"):
        office.decide(request, signers["ana"])
    assert_refused(office, request, "nobody has approved it yet")
    office.decide(request, signers["ben"])
    outcomes: list[str] = []
    both = threading.Barrier(2)

    def restore() -> None:
        try:
            office.restore(request, before_swap=both.wait)
        except NotPermitted as error:
            outcomes.append(str(error))
        else:
            outcomes.append("restored")

    threads = [threading.Thread(target=restore) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = sorted(outcomes)
    assert ("used already" in first, second) == (True, "restored")


def test_refusal_ends_the_request(office: Office, signers: dict[str, Signer]) -> None:
    request = approved(office, signers)
    office.decide(request, signers["ben"], "refused")
    assert_refused(office, request, "it was refused by ben@example.com")


def test_manifest_deleted_and_created_again_is_refused(office: Office, signers: dict[str, Signer]) -> None:
    request = approved(office, signers)
    remove(office, "daily/live.db/one", places=1)
    office.run("INSERT INTO t VALUES ('other')")
    office.backup("one")
    office.run("DELETE FROM t")
    assert_refused(office, request, "was approved for something else: manifest_sha256")


@pytest.fixture
def settings(office: Office) -> Settings:
    path = office.folder / "policy.json"
    path.write_bytes(office.file.raw)
    path.chmod(0o644)
    stores = [store.url for store in office.stores]
    return Settings(BACKUP_STORE=stores[0], BACKUP_COPY_STORE=stores[1], BACKUP_POLICY=path)


def checkpoint(office: Office) -> None:
    take_checkpoint(CheckpointOptions(office.store, frozenset(), copy=office.stores[1]))


@pytest.mark.parametrize("role", ["used", "refused"])
def test_use_or_refusal_deleted_everywhere_is_known_from_the_checkpoint(
    office: Office, signers: dict[str, Signer], settings: Settings, role: str
) -> None:
    request = approved(office, signers)
    checkpoint(office)
    assert permit_of(settings, request, Action.RESTORE).request.id == request
    if role == "used":
        office.restore(request)
    else:
        office.decide(request, signers["ben"], "refused")
    checkpoint(office)
    remove(office, f"requests/{request}.{role}")
    checkpoint(office)  # later checkpoints report it as missing, and keep it in the inventory
    checkpoint(office)
    with pytest.raises(NotPermitted, match=f"by the audit trail it was {role}, and requests/.* was removed since"):
        permit_of(settings, request, Action.RESTORE)
