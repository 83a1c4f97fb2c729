"""CloudEvents posted to the running service, with a bucket and a Cloud KMS key."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from litekeep.sample import make_sample
from tests import forker
from tests.jobs.runs import environment
from tests.jobs.service import FINALIZED, Service, serving
from tests.servers.gcs.fixtures import gcs_port  # noqa: F401 - a fixture
from tests.servers.gcs.proxy import Change, Proxy, Refuse, flipped, running_proxy
from tests.servers.gcs.server import make_bucket
from tests.servers.kms.fixture import KEY, URI
from tests.servers.kms.server import KmsServer
from tests.sqlite.mounts import tiny_disk

pytestmark = pytest.mark.xdist_group("arrival")  # all tests share one service
BUCKET, PREFIX = "arrivals", "team/app"


@dataclass(frozen=True)
class Place:
    """A bucket behind a proxy, a key, and the service that verifies arriving backups."""

    gcs: Proxy
    kms: KmsServer
    folder: Path
    environment: dict[str, str]
    service: Service

    def back_up(self, name: str) -> str:
        """Takes a backup. Returns its manifest's name in the bucket."""
        self.litekeep("backup", "--name", name)
        return f"{PREFIX}/on-demand/app.db/{name}.manifest.json"

    def litekeep(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "litekeep", *arguments]
        done = forker.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    def overwrite(self, name: str, content: bytes) -> None:
        """Overwrites an object, with more rights than any job has."""
        target = f"{self.gcs.url}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(name, safe='')}"
        with urlopen(Request(target, data=content), timeout=10) as answer:
            assert answer.status == 200

    def verdict(self, name: str) -> bool | None:
        items: list[dict[str, Any]] = json.loads(self.litekeep("list", "--json"))
        return next(item["verified"] for item in items if item["id"] == name)

    def verdicts(self, name: str) -> int:
        return len(self.gcs.asked(lambda seen: seen.is_upload and f"{name}.verified-".encode() in seen.body))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, gcs_port: int) -> Iterator[Place]:  # noqa: F811
    folder = tmp_path_factory.mktemp("arrival")
    for name in ("tmp", "service"):
        (folder / name).mkdir()
    make_sample(folder / "app.db", scale=0.02)
    make_bucket(gcs_port, BUCKET)
    kms = KmsServer()
    kms.add_key(KEY)
    with running_proxy(gcs_port) as gcs, kms.running(), tiny_disk(folder / "service", "6m"):
        settings = environment(folder) | {
            "STORAGE_EMULATOR_HOST": gcs.url,
            "LITEKEEP_KMS_ENDPOINT": kms.endpoint,
            "BACKUP_STORE": f"gs://{BUCKET}/{PREFIX}",
            "BACKUP_KEY": URI,
        }
        with serving(folder, settings | {"LOG_FORMAT": "json", "TMPDIR": str(folder / "service")}) as service:
            yield Place(gcs, kms, folder, settings, service)


def test_arriving_manifest_is_verified(place: Place) -> None:
    manifest = place.back_up("one")
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.verdict("one") is True
    assert place.service.about("one") == ["verify.succeeded"]


def test_duplicate_event_makes_one_verdict(place: Place) -> None:
    manifest = place.back_up("twice")
    assert [place.service.announce(BUCKET, manifest) < 300 for _ in range(2)] == [True, True]
    assert place.verdicts("twice") == 1
    assert place.service.about("twice") == ["verify.succeeded"]


def test_event_for_a_verified_backup_is_ignored(place: Place) -> None:
    manifest = place.back_up("late")
    place.litekeep("verify", "--backup", "late")
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.service.about("late") == []


def test_events_out_of_order_are_each_handled(place: Place) -> None:
    first, second = place.back_up("order-1"), place.back_up("order-2")
    place.service.announce(BUCKET, second)
    place.service.announce(BUCKET, first)
    assert (place.verdict("order-1"), place.verdict("order-2")) == (True, True)


def test_structured_mode_events_are_accepted(place: Place) -> None:
    manifest = place.back_up("structured")
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "//storage.googleapis.com/x",
        "type": FINALIZED,
        "data": {"bucket": BUCKET, "name": manifest},
    }
    body = json.dumps(event).encode()
    assert place.service.post(body, {"Content-Type": "application/cloudevents+json"}) < 300
    assert place.verdict("structured") is True


@pytest.mark.parametrize(
    "name",
    [
        f"{PREFIX}/on-demand/app.db/x.sql.gz.enc",
        f"{PREFIX}/on-demand/app.db/x.verified-20240115T000000Z.json",
        f"{PREFIX}/locks/slots/daily/app.db/20240115T0000Z.001.json",
        f"{PREFIX}/on-demand/../app.db/x.manifest.json",
        f"{PREFIX}/on-demand/app.db/..manifest.json",
        f"{PREFIX}/on-demand/a%2f..%2fb/x.manifest.json",
        "on-demand/app.db/x.manifest.json",
        f"{PREFIX}x/on-demand/app.db/x.manifest.json",
        "",
    ],
)
def test_event_for_another_object_is_ignored(place: Place, name: str) -> None:
    before = len(place.gcs.seen)
    assert place.service.announce(BUCKET, name) < 300
    assert len(place.gcs.seen) == before


@pytest.mark.parametrize(
    "data",
    [None, [], "text", 7, {}, {"bucket": "other", "name": f"{PREFIX}/on-demand/app.db/x.manifest.json"}, {"name": 1}],
)
def test_malformed_event_data_is_ignored(place: Place, data: object) -> None:
    before = len(place.gcs.seen)
    assert place.service.deliver(data) < 300
    assert len(place.gcs.seen) == before


def test_event_of_another_type_is_ignored(place: Place) -> None:
    manifest = f"{PREFIX}/on-demand/app.db/x.manifest.json"
    before = len(place.gcs.seen)
    assert place.service.announce(BUCKET, manifest, type="google.cloud.storage.object.v1.deleted") < 300
    assert len(place.gcs.seen) == before


def test_request_that_is_not_a_cloud_event_is_refused(place: Place) -> None:
    assert place.service.post(b"hello", {"Content-Type": "text/plain"}) in (400, 415)


def test_event_for_a_deleted_backup_is_ignored(place: Place) -> None:
    assert place.service.announce(BUCKET, f"{PREFIX}/on-demand/app.db/gone.manifest.json") < 300
    assert place.service.about("gone") == []


def test_bad_backup_gets_one_verdict(place: Place) -> None:
    manifest = place.back_up("bad")
    place.overwrite(f"{PREFIX}/on-demand/app.db/bad.sql.gz.enc", b"something else")
    assert [place.service.announce(BUCKET, manifest) < 300 for _ in range(2)] == [True, True]
    assert place.verdict("bad") is False
    assert place.service.about("bad") == ["verify.failed"]
    assert place.service.lines[-1]["check"] == "checksum"


def test_damage_in_transit_makes_no_verdict(place: Place) -> None:
    manifest = place.back_up("shaken")
    place.gcs.faults.append(Change(lambda seen: seen.is_media and "shaken.sql.gz.enc" in seen.path, flipped))
    assert place.service.announce(BUCKET, manifest) == 503
    assert place.verdict("shaken") is None
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.verdict("shaken") is True


def test_unavailable_key_answers_503_and_makes_no_verdict(place: Place) -> None:
    """Eventarc delivers a refused event again; then the backup is verified."""
    manifest = place.back_up("locked")
    place.kms.keys[KEY].disable(1)
    try:
        assert place.service.announce(BUCKET, manifest) == 503
    finally:
        place.kms.keys[KEY].enable(1)
    assert place.verdict("locked") is None
    assert "could not be verified" in place.service.lines[-1]["message"]
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.service.about("locked") == ["verify.failed", "verify.succeeded"]


def test_unstorable_verdict_answers_503(place: Place) -> None:
    manifest = place.back_up("mute")
    place.gcs.faults.append(Refuse(lambda seen: seen.is_upload and b"mute.verified-" in seen.body, 403, times=1))
    assert place.service.announce(BUCKET, manifest) == 503
    assert place.verdict("mute") is None
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.verdict("mute") is True


def test_backup_too_large_for_the_service_is_skipped(place: Place) -> None:
    small = (place.folder / "app.db").read_bytes()
    make_sample(place.folder / "large.db", scale=1)
    (place.folder / "app.db").write_bytes((place.folder / "large.db").read_bytes())
    try:
        manifest = place.back_up("large")
    finally:
        (place.folder / "app.db").write_bytes(small)
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.service.about("large") == ["verify.skipped"]
    assert place.verdict("large") is None
