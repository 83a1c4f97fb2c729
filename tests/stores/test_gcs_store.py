"""The store contract on a bucket, and the behaviour that only buckets have."""

import gc
import http.client
import re
import secrets
import traceback
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import ObjectExists, ObjectMissing, StoreError
from shared.stores import Store, open_store
from shared.stores.gcs import BucketStore, Patience
from shared.stores.gcs_reader import RANGE_SIZE
from shared.stores.probe import PROBE, probe
from tests.servers.gcs.proxy import (
    Answer,
    Change,
    Damage,
    Drop,
    Proxy,
    Refuse,
    Seen,
    cut_short,
    flipped,
    shortened,
)
from tests.stores.contract import StoreContract, names, put, put_file, read

BIG = 9 << 20  # bytes; more than Google's library sends in one request
QUICK = Patience(first_delay=0.001, request=2, chunk=2)


class TestBucket(StoreContract):
    keeps_metadata = True

    @pytest.fixture
    def store(self, gcs: Proxy, bucket: str) -> Store:
        return BucketStore(bucket, "some/prefix", QUICK)

    @pytest.fixture
    def another(self, gcs: Proxy, bucket: str) -> Callable[[], Store]:
        return lambda: BucketStore(bucket, "some/prefix", QUICK)


class TestWholeBucket(TestBucket):
    @pytest.fixture
    def store(self, gcs: Proxy, bucket: str) -> Store:
        return BucketStore(bucket, "", QUICK)


@pytest.fixture
def store(gcs: Proxy, bucket: str) -> BucketStore:
    return BucketStore(bucket, "p", QUICK)


def is_listing(seen: Seen) -> bool:
    return seen.method == "GET" and seen.path.endswith("/o")


def test_2500_objects_take_three_requests_to_list(store: BucketStore, gcs: Proxy, gcs_port: int) -> None:
    raw_upload(gcs_port, store, *(f"daily/app/{number:04}" for number in range(2500)))
    listed = list(store.list_objects("daily/"))
    assert [found.name for found in listed] == [f"daily/app/{number:04}" for number in range(2500)]
    assert len(gcs.asked(is_listing)) == 3


def raw_upload(port: int, store: BucketStore, *names: str) -> None:
    """Uploads directly to the server, as another client of the bucket would."""
    bucket, _, prefix = store.url.removeprefix("gs://").partition("/")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for name in names:
        target = urllib.parse.quote(f"{prefix}/{name}" if prefix else name, safe="")
        connection.request("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={target}", b"x")
        assert connection.getresponse().read()
    connection.close()


def test_foreign_objects_in_the_bucket_are_not_listed(gcs: Proxy, gcs_port: int, bucket: str) -> None:
    whole = BucketStore(bucket, "", QUICK)
    foreign = ("p/../escape", "p//x", "p/.hidden", "p/a\\b", "pp/daily/two", "p/daily/")
    raw_upload(gcs_port, whole, "p/daily/one", *foreign)
    assert names(BucketStore(bucket, "p", QUICK)) == ["daily/one"]


def test_bucket_metadata_is_never_read(store: BucketStore, gcs: Proxy) -> None:
    generation = put(store, "daily/one")
    read(store, "daily/one")
    names(store)
    store.delete("daily/one", generation)
    assert gcs.seen
    assert all("/o" in seen.path for seen in gcs.seen)


def test_storing_needs_only_permission_to_create(store: BucketStore, gcs: Proxy) -> None:
    gcs.faults.append(Refuse(lambda seen: not seen.is_upload, 403, times=100))
    put(store, "daily/small")
    put_file(store, "daily/large", b"x" * BIG)
    assert all(seen.is_upload for seen in gcs.seen)


def test_every_create_sends_the_precondition_and_the_checksum(store: BucketStore, gcs: Proxy) -> None:
    put(store, "daily/small", b"small")
    put_file(store, "daily/large", b"x" * BIG)
    begun = gcs.asked(lambda seen: seen.method == "POST")
    assert [seen.query["ifGenerationMatch"] for seen in begun] == ["0", "0"]
    assert [seen.query["uploadType"] for seen in begun] == ["multipart", "resumable"]
    assert all(b'"crc32c"' in seen.body for seen in begun)


@pytest.mark.parametrize("size", [5, BIG])
@pytest.mark.parametrize("fault", ["503", "503 after", "drop", "drop after"])
def test_transient_error_while_storing_is_retried(store: BucketStore, gcs: Proxy, size: int, fault: str) -> None:
    def matches(seen: Seen) -> bool:
        return seen.is_chunk or seen.query.get("uploadType") == "multipart"

    after = fault.endswith("after")
    gcs.faults.append(Refuse(matches, 503, 2, after=after) if "503" in fault else Drop(matches, 2, after=after))
    content = secrets.token_bytes(size)
    put_file(store, "daily/one", content)
    assert read(store, "daily/one") == content
    assert len(gcs.asked(matches)) > 2


def test_retried_create_recognizes_its_own_object(store: BucketStore, gcs: Proxy) -> None:
    gcs.faults.append(Refuse(lambda seen: seen.is_upload, 503, after=True))
    made = store.create("daily/one", b"content", {"tables": "7"})
    assert len(gcs.asked(lambda seen: seen.is_upload)) == 2
    assert [(found.generation, found.metadata) for found in store.list_objects()] == [
        (made.generation, {"tables": "7"})
    ]


def test_retried_create_does_not_claim_an_object_of_another_creator(store: BucketStore, gcs: Proxy) -> None:
    put(store, "daily/one", b"theirs")
    gcs.faults.append(Refuse(lambda seen: seen.is_upload, 503))
    with pytest.raises(ObjectExists):
        store.create("daily/one", b"theirs", {})


def test_existing_name_without_permission_to_read_is_object_exists(store: BucketStore, gcs: Proxy) -> None:
    gcs.faults += [
        Refuse(lambda seen: seen.is_upload, 503, after=True),
        Refuse(lambda seen: seen.method == "GET", 403),
    ]
    with pytest.raises(ObjectExists, match=r"storage\.objects\.get"):
        put(store, "daily/one")


def test_lost_upload_session_is_restarted(store: BucketStore, gcs: Proxy) -> None:
    gcs.faults.append(Refuse(lambda seen: seen.is_chunk, 410))
    content = secrets.token_bytes(BIG)
    put_file(store, "daily/one", content)
    assert read(store, "daily/one") == content
    assert len(gcs.asked(lambda seen: seen.is_upload and seen.method == "POST")) == 2


def test_partly_persisted_chunk_restarts_the_upload(
    store: BucketStore, gcs: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.stores.gcs.UPLOAD_CHUNK", 4 << 20)

    def less(answer: Answer) -> Answer:
        return Answer(308, {"range": "bytes=0-262143"}, b"")

    gcs.faults.append(Change(lambda seen: seen.is_chunk, less))
    content = secrets.token_bytes(BIG)
    put_file(store, "daily/one", content)
    assert read(store, "daily/one") == content
    gcs.faults.append(Change(lambda seen: seen.is_chunk, less, times=2))
    with pytest.raises(StoreError, match="broke off twice"):
        put_file(store, "daily/two", content)


@pytest.mark.parametrize("size", [5, BIG])
def test_upload_damaged_in_transit_creates_no_object(store: BucketStore, gcs: Proxy, size: int) -> None:
    def carries_bytes(seen: Seen) -> bool:
        return seen.is_chunk or seen.query.get("uploadType") == "multipart"

    gcs.faults.append(Damage(carries_bytes))
    with pytest.raises(StoreError, match="checksum"):
        put_file(store, "daily/one", b"x" * size)
    assert names(store) == []


@pytest.mark.parametrize("field", [b'"size":"5"', b'"crc32c":"mnG7TA=="'])
def test_stored_object_with_another_size_or_checksum_is_an_error(store: BucketStore, gcs: Proxy, field: bytes) -> None:
    def other(answer: Answer) -> Answer:
        assert field in answer.body
        changed = field.replace(b"5", b"4").replace(b"mnG7", b"AAAA")
        return Answer(answer.status, answer.headers, answer.body.replace(field, changed))

    gcs.faults.append(Change(lambda seen: seen.is_upload, other))
    with pytest.raises(StoreError, match="differs from what was sent"):
        store.create("daily/one", b"hello", {})
    assert names(store) == []


# Google's library leaves the connection of a retried response to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("fault", ["503", "drop", "cut"])
def test_interrupted_download_is_resumed(store: BucketStore, gcs: Proxy, fault: str) -> None:
    content = secrets.token_bytes(2 * RANGE_SIZE + 12345)
    put_file(store, "daily/one", content)

    def is_media(seen: Seen) -> bool:
        return seen.is_media

    gcs.faults.append(
        {"503": Refuse(is_media, 503, 2), "drop": Drop(is_media, 2), "cut": Change(is_media, cut_short, 2)}[fault]
    )
    assert read(store, "daily/one") == content
    asked = gcs.asked(is_media)
    assert len(asked) == 5
    assert len({seen.query["generation"] for seen in asked}) == 1
    gc.collect()


@pytest.mark.parametrize(("change", "message"), [(shortened, "came back short"), (flipped, "damaged on the way")])
def test_short_or_damaged_download_is_an_error(
    store: BucketStore, gcs: Proxy, change: Callable[[Answer], Answer], message: str
) -> None:
    put_file(store, "daily/one", secrets.token_bytes(100_000))
    gcs.faults.append(Change(lambda seen: seen.is_media, change))
    with pytest.raises(StoreError, match=message):
        read(store, "daily/one")


def test_object_replaced_during_a_read_is_missing_and_never_mixed(
    store: BucketStore, gcs: Proxy, gcs_port: int
) -> None:
    put_file(store, "daily/one", b"a" * (4 * RANGE_SIZE))
    with store.open("daily/one") as stream:
        assert stream.read(10) == b"a" * 10
        raw_upload(gcs_port, store, "daily/one")
        with pytest.raises(ObjectMissing):
            stream.read()


def test_delete_succeeds_after_a_lost_response(store: BucketStore, gcs: Proxy) -> None:
    generation = put(store, "daily/one")
    gcs.faults.append(Refuse(lambda seen: seen.method == "DELETE", 503, after=True))
    store.delete("daily/one", generation)
    assert names(store) == []
    assert [seen.query["ifGenerationMatch"] for seen in gcs.asked(lambda seen: seen.method == "DELETE")] == [
        generation
    ] * 2


REFUSALS = [
    (401, "authError", "gcloud auth application-default login"),
    (403, "forbidden", "grant storage.objects."),
    (403, "rateLimitExceeded", "slow down"),
    (403, "retentionPolicyNotMet", "retention policy or a hold"),
    (400, "invalid", "refused the request"),
    (418, "teapot", "answered 418, teapot"),
    (429, "rateLimitExceeded", "slow down"),
    (503, "backendError", "answered 503"),
]


@pytest.mark.parametrize("action", ["create", "create large", "list", "open", "delete"])
@pytest.mark.parametrize(("status", "reason", "message"), REFUSALS)
def test_refusal_is_one_line_with_a_remedy_and_no_secret(
    gcs: Proxy, bucket: str, status: int, reason: str, message: str, action: str
) -> None:
    store = BucketStore(bucket, "p", Patience(first_delay=0.001, request=0.01, chunk=0.01))
    actions: dict[str, Callable[[], object]] = {
        "create": lambda: put(store, "daily/one"),
        "create large": lambda: put_file(store, "daily/one", b"x" * BIG),
        "list": lambda: names(store),
        "open": lambda: read(store, "daily/one"),
        "delete": lambda: store.delete("daily/one", "1"),
    }
    gcs.faults.append(Refuse(lambda seen: True, status, times=1000, reason=reason))
    with pytest.raises(StoreError, match=re.escape(message)) as caught:
        actions[action]()
    shown = "".join(traceback.format_exception(caught.value))
    assert store.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "SECRET-SESSION" not in shown
    assert "upload_id" not in shown


def test_missing_bucket_is_named(gcs: Proxy) -> None:
    store = BucketStore("no-such-bucket", "p", QUICK)
    with pytest.raises(StoreError, match="gs://no-such-bucket/p: there is no such bucket"):
        names(store)
    with pytest.raises(StoreError, match="gs://no-such-bucket/p: there is no such bucket"):
        put(store, "daily/one")


def test_unreachable_service_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    store = BucketStore("bucket", "p", Patience(first_delay=0.001, request=0.01, chunk=0.01))
    for action in (lambda: names(store), lambda: put(store, "a/b"), lambda: read(store, "a/b")):
        with pytest.raises(StoreError, match=r"cannot be reached \(ConnectionError\): check the network"):
            action()


def test_malformed_emulator_address_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(StoreError, match="STORAGE_EMULATOR_HOST is not a URL"):
        names(BucketStore("bucket", "p", QUICK))


def test_missing_or_invalid_credentials_report_how_to_log_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    key = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    for content in (None, "{", '{"type": "service_account", "private_key": "PRIVATE"}'):
        if content is not None:
            key.write_text(content)
        with pytest.raises(StoreError, match="gcloud auth application-default login") as caught:
            names(BucketStore("bucket", "p", QUICK))
        assert "PRIVATE" not in "".join(traceback.format_exception(caught.value))


def test_url_with_bucket_and_prefix_opens_the_store(gcs: Proxy, bucket: str) -> None:
    store = open_store(f"gs://{bucket}/a/b/")
    assert store.url == f"gs://{bucket}/a/b"
    put(store, "daily/one")
    assert names(open_store(f"gs://{bucket}")) == ["a/b/daily/one"]
    assert names(open_store(f"gs://{bucket}/a/")) == ["b/daily/one"]


@pytest.mark.parametrize("url", ["gs://", "gs:///x", "gs://b/../c", "gs://b//c", "s3://b", "b"])
def test_ambiguous_bucket_url_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        BucketStore.from_url(url)


def test_probe_passes_on_a_store_that_refuses_deletion(store: BucketStore, gcs: Proxy) -> None:
    gcs.faults.append(Refuse(lambda seen: seen.method == "DELETE", 403, times=100))
    probe(store)
    probe(store)
    assert names(store) == [PROBE]


@pytest.mark.parametrize("refused", ["GET", "POST"])
def test_probe_names_the_missing_permission(store: BucketStore, gcs: Proxy, refused: str) -> None:
    gcs.faults.append(Refuse(lambda seen: seen.method == refused, 403, times=100))
    expected = {"GET": "storage.objects.list", "POST": "storage.objects.create"}
    with pytest.raises(StoreError, match=expected[refused]):
        probe(store)
