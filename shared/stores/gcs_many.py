"""Reads many small objects of a bucket concurrently, and yields them in the order requested.

Sequential requests would cost a round trip each. The requests in flight are bounded in number and in bytes.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud.storage.exceptions import DataCorruption

from shared.errors import ObjectMissing, StoreError
from shared.stores.interface import StoredObject
from shared.text import count

AT_ONCE = 8  # requests; the client's pool keeps ten connections
_WAITING = 16 << 20  # bytes fetched and not yet consumed; a larger object is fetched alone


def read_many(
    fetch: Callable[[StoredObject, Any], bytes], items: Iterable[StoredObject], bucket: Any
) -> Iterator[bytes | None]:
    """Yields what `fetch` returns for each item, or None if it raises ObjectMissing. Stops at any other error."""
    coming: deque[tuple[int, Future[bytes]]] = deque()
    waiting = 0
    pool = ThreadPoolExecutor(AT_ONCE, "read-many")
    try:
        for item in items:
            while coming and (len(coming) == 2 * AT_ONCE or waiting + item.size_bytes > _WAITING):
                size, future = coming.popleft()
                yield _result(future)
                waiting -= size
            coming.append((item.size_bytes, pool.submit(fetch, item, bucket)))
            waiting += item.size_bytes
        while coming:
            yield _result(coming.popleft()[1])
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def checked(item: StoredObject, url: str) -> Iterator[list[bytes]]:
    """Yields a list for the downloaded bytes, and checks them. Raises ObjectMissing, or StoreError if damaged."""
    what, content = f"{item.name} of store {url}", list[bytes]()
    try:
        yield content
    except NotFound:
        raise ObjectMissing(f"store {url} no longer holds the {item.name} that was listed: list again") from None
    except DataCorruption:
        raise StoreError(f"{what} was damaged on the way (its CRC32C differs): try again") from None
    if len(content[0]) != item.size_bytes:
        raise StoreError(f"{what} came back short, {len(content[0])} of {count(item.size_bytes, 'byte')}: try again")


def _result(future: Future[bytes]) -> bytes | None:
    try:
        return future.result()
    except ObjectMissing:
        return None
