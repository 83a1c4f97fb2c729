"""What is no reply of Cloud Storage is told of as that: by the store and what was asked, never in Python's words."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from shared.errors import StoreError
from shared.stores.gcs import BucketStore
from tests.servers.gcs.proxy import Answer, Change, Proxy, Seen
from tests.stores.contract import put
from tests.stores.test_gcs_store import QUICK

PYTHON = re.compile(
    r"\b\w+Error\b|NoneType|Traceback|object has no|expected str|invalid literal|Expecting value|defect", re.ASCII
)
NO_JSON = (b"", b"<html>Sign in to the guest network</html>", b'{"items": [', b"\xff\xfe\x00", b"[" * 100_000)
OTHER_JSON = (b"null", b"[]", b"7", b'"SECRET99"', b"NaN")
FIELDS = (
    {"name": None},
    {"name": 7},
    {"name": ["SECRET99"]},
    {"size": "SECRET99"},
    {"size": None},
    {"size": "-1"},
    {"size": {}},
    {"generation": "SECRET99"},
    {"generation": None},
    {"timeCreated": "SECRET99"},
    {"timeCreated": None},
    {"metadata": ["SECRET99"]},
    {"metadata": "SECRET99"},
)


@pytest.fixture
def store(gcs: Proxy, bucket: str) -> BucketStore:
    store = BucketStore(bucket, "p", QUICK)
    put(store, "daily/app/one.sql.gz", b"some bytes")
    return store


def answered_with(proxy: Proxy, body: bytes | dict[str, Any]) -> None:
    """Every answer in JSON from now on is this one, or has these fields in each object that it names."""

    def change(answer: Answer) -> Answer:
        if isinstance(body, bytes):
            content = body
        else:
            document = json.loads(answer.body)
            for item in document.get("items", [document]):
                item.update(body)
            content = json.dumps(document).encode()
        return Answer(200, {"content-type": "application/json", "content-length": str(len(content))}, content)

    def is_asked_for_json(seen: Seen) -> bool:
        return not seen.is_media

    proxy.faults.append(Change(is_asked_for_json, change, times=-1))


def listed(store: BucketStore) -> object:
    return list(store.list_objects())


def opened(store: BucketStore) -> object:
    with store.open("daily/app/one.sql.gz") as stream:
        return stream.read()


def stored(store: BucketStore) -> object:
    return put(store, "daily/app/two.sql.gz", b"other bytes")


def held(store: BucketStore) -> object:
    (item,) = store.list_objects()
    return store.set_hold(item.name, item.generation, held=True)


def found_out(act: Callable[[BucketStore], object], store: BucketStore) -> str:
    """The error's text, or nothing where the reply could be understood after all."""
    try:
        act(store)
    except StoreError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("body", [*NO_JSON, *OTHER_JSON])
@pytest.mark.parametrize("act", [listed, opened, stored, held])
def test_what_is_no_reply_is_told_by_the_store_and_the_request(
    store: BucketStore, gcs: Proxy, act: Callable[[BucketStore], object], body: bytes
) -> None:
    answered_with(gcs, body)
    said = found_out(act, store)
    assert store.url in said
    assert not PYTHON.search(said), said
    assert "SECRET99" not in said
    assert "\n" not in said


@pytest.mark.parametrize("fields", FIELDS, ids=str)
@pytest.mark.parametrize("act", [listed, opened])
def test_a_field_that_is_missing_or_malformed_is_never_pythons_error(
    store: BucketStore, gcs: Proxy, act: Callable[[BucketStore], object], fields: dict[str, Any]
) -> None:
    answered_with(gcs, fields)
    said = found_out(act, store)
    if said or act is listed:
        assert "answered as Cloud Storage answers" in said
        assert store.url in said
    assert not PYTHON.search(said), said
    assert "SECRET99" not in said
