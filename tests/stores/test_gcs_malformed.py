"""A response that is not Cloud Storage's is an error with store and action, never a Python exception's text."""

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
    """Replaces every further JSON response with `body`, or sets these fields in each object of it."""

    def change(answer: Answer) -> Answer:
        if isinstance(body, bytes):
            content = body
        else:
            document = json.loads(answer.body)
            for item in document.get("items", [document]):
                item.update(body)
            content = json.dumps(document).encode()
        return Answer(200, {"content-type": "application/json", "content-length": str(len(content))}, content)

    def is_json_request(seen: Seen) -> bool:
        return not seen.is_media

    proxy.faults.append(Change(is_json_request, change, times=-1))


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


def error_of(act: Callable[[BucketStore], object], store: BucketStore) -> str:
    """Returns the error's text, or "" if the response was accepted."""
    try:
        act(store)
    except StoreError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("body", [*NO_JSON, *OTHER_JSON])
@pytest.mark.parametrize("act", [listed, opened, stored, held])
def test_invalid_response_is_a_store_error_without_its_content(
    store: BucketStore, gcs: Proxy, act: Callable[[BucketStore], object], body: bytes
) -> None:
    answered_with(gcs, body)
    message = error_of(act, store)
    assert store.url in message
    assert not PYTHON.search(message), message
    assert "SECRET99" not in message
    assert "\n" not in message


@pytest.mark.parametrize("fields", FIELDS, ids=str)
@pytest.mark.parametrize("act", [listed, opened])
def test_missing_or_malformed_field_is_a_store_error(
    store: BucketStore, gcs: Proxy, act: Callable[[BucketStore], object], fields: dict[str, Any]
) -> None:
    answered_with(gcs, fields)
    message = error_of(act, store)
    if message or act is listed:
        assert "the response is not one of Cloud Storage" in message
        assert store.url in message
    assert not PYTHON.search(message), message
    assert "SECRET99" not in message
