"""Real CloudEvents, posted to the running service, which works on a real bucket under a cloud key."""

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

pytestmark = pytest.mark.xdist_group("arrival")  # one service for all
BUCKET, PREFIX = "arrivals", "team/app"


@dataclass(frozen=True)
class Place:
    """A bucket with a proxy before it, a key, and the service that proves what arrives there."""

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
        """As someone with more rights than any job has."""
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


def test_a_manifest_that_arrives_is_proven(place: Place) -> None:
    manifest = place.back_up("one")
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.verdict("one") is True
    assert place.service.about("one") == ["verify.succeeded"]


def test_an_event_that_comes_twice_makes_one_verdict(place: Place) -> None:
    manifest = place.back_up("twice")
    assert [place.service.announce(BUCKET, manifest) < 300 for _ in range(2)] == [True, True]
    assert place.verdicts("twice") == 1
    assert place.service.about("twice") == ["verify.succeeded"]


def test_an_event_that_comes_after_the_scheduled_verification_does_nothing(place: Place) -> None:
    manifest = place.back_up("late")
    place.litekeep("verify", "--backup", "late")
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.service.about("late") == []


def test_events_out_of_order_are_each_their_own(place: Place) -> None:
    first, second = place.back_up("order-1"), place.back_up("order-2")
    place.service.announce(BUCKET, second)
    place.service.announce(BUCKET, first)
    assert (place.verdict("order-1"), place.verdict("order-2")) == (True, True)


def test_structured_mode_is_understood_too(place: Place) -> None:
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
def test_any_other_object_is_answered_and_the_store_not_asked(place: Place, name: str) -> None:
    before = len(place.gcs.seen)
    assert place.service.announce(BUCKET, name) < 300
    assert len(place.gcs.seen) == before


@pytest.mark.parametrize(
    "data",
    [None, [], "text", 7, {}, {"bucket": "other", "name": f"{PREFIX}/on-demand/app.db/x.manifest.json"}, {"name": 1}],
)
def test_any_other_event_is_answered_and_the_store_not_asked(place: Place, data: object) -> None:
    before = len(place.gcs.seen)
    assert place.service.deliver(data) < 300
    assert len(place.gcs.seen) == before


def test_an_event_of_another_type_is_answered(place: Place) -> None:
    manifest = f"{PREFIX}/on-demand/app.db/x.manifest.json"
    before = len(place.gcs.seen)
    assert place.service.announce(BUCKET, manifest, type="google.cloud.storage.object.v1.deleted") < 300
    assert len(place.gcs.seen) == before


def test_what_is_no_cloud_event_is_refused(place: Place) -> None:
    assert place.service.post(b"hello", {"Content-Type": "text/plain"}) in (400, 415)


def test_a_backup_that_is_gone_again_is_no_error(place: Place) -> None:
    assert place.service.announce(BUCKET, f"{PREFIX}/on-demand/app.db/gone.manifest.json") < 300
    assert place.service.about("gone") == []


def test_a_backup_that_is_not_good_gets_its_verdict_once(place: Place) -> None:
    manifest = place.back_up("bad")
    place.overwrite(f"{PREFIX}/on-demand/app.db/bad.sql.gz.enc", b"something else")
    assert [place.service.announce(BUCKET, manifest) < 300 for _ in range(2)] == [True, True]
    assert place.verdict("bad") is False
    assert place.service.about("bad") == ["verify.failed"]
    assert place.service.lines[-1]["check"] == "checksum"


def test_damage_on_the_way_says_nothing_of_the_backup(place: Place) -> None:
    manifest = place.back_up("shaken")
    place.gcs.faults.append(Change(lambda seen: seen.is_media and "shaken.sql.gz.enc" in seen.path, flipped))
    assert place.service.announce(BUCKET, manifest) == 503
    assert place.verdict("shaken") is None
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.verdict("shaken") is True


def test_when_the_key_refuses_the_event_is_refused_and_no_verdict_made(place: Place) -> None:
    """Eventarc delivers a refused event again: then it is proven."""
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


def test_when_the_verdict_cannot_be_stored_the_event_is_refused(place: Place) -> None:
    manifest = place.back_up("mute")
    place.gcs.faults.append(Refuse(lambda seen: seen.is_upload and b"mute.verified-" in seen.body, 403, times=1))
    assert place.service.announce(BUCKET, manifest) == 503
    assert place.verdict("mute") is None
    assert place.service.announce(BUCKET, manifest) < 300
    assert place.verdict("mute") is True


def test_a_backup_for_which_there_is_no_room_is_left_to_the_scheduled_verification(place: Place) -> None:
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
