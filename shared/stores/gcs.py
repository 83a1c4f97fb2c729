"""A store in a Google Cloud Storage bucket, through Google's own library.

Every create carries the precondition "must not exist yet" (ifGenerationMatch=0) and the CRC32C of the
bytes, which the server checks before the object appears. When the response to a create is lost, the
library retries and gets "already exists": a nonce in the object's metadata then distinguishes our own
object from another's. The bucket's metadata is never read, so a backup needs only roles/storage.objectCreator.

An interrupted upload leaves no object, only an upload session that expires after a week.
"""

import base64
import io
import os
import secrets
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, PreconditionFailed
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from pydantic import TypeAdapter

from shared.errors import ObjectExists, ObjectMissing, StoreError
from shared.runtime.workspace import scratch_folder
from shared.stores.gcs_errors import CREATE, DELETE, LIST, READ, UPDATE, Right, bucket_errors
from shared.stores.gcs_many import checked, read_many
from shared.stores.gcs_objects import FIELDS, FIELDS_DELETED, NONCE, PAGE, as_object, listed, number_of
from shared.stores.gcs_reader import RangeReader
from shared.stores.interface import StoredObject
from shared.stores.object_names import check_object_name, is_object_name

UPLOAD_CHUNK = 48 << 20  # bytes; the library holds two chunks, and resends one when a connection breaks
_READ_BUFFER = 1 << 20
_ANSWER = TypeAdapter(dict[str, Any])
_NO_BUCKET_LOOKUP = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"


@dataclass(frozen=True)
class Patience:
    """How long to retry transient errors, in seconds: of a request, and of one chunk of an upload."""

    first_delay: float = 1.0
    request: float = 60.0
    chunk: float = 300.0


class BucketStore:
    """Implements `Store` and `Holding` on the objects of a bucket whose names begin with `prefix`."""

    has_own_time = True

    def __init__(self, bucket: str, prefix: str = "", patience: Patience | None = None) -> None:
        self._bucket_name = bucket
        self._prefix = "/".join((*check_object_name(prefix), "")) if prefix else ""
        patience = patience or Patience()
        retry = DEFAULT_RETRY.with_delay(initial=patience.first_delay)
        self._retry = retry.with_timeout(patience.request)
        self._chunk_retry = retry.with_timeout(patience.chunk)

    @classmethod
    def from_url(cls, url: str, patience: Patience | None = None) -> "BucketStore":
        """Returns the store for gs://BUCKET[/PREFIX]. Raises StoreError for anything else."""
        bucket, _, prefix = url.removeprefix("gs://").partition("/")
        if not url.startswith("gs://") or not bucket:
            raise StoreError(f"store {url[:140]!r} is not gs://BUCKET or gs://BUCKET/PREFIX: name it so")
        return cls(bucket, prefix.rstrip("/"), patience)

    @property
    def url(self) -> str:
        return f"gs://{self._bucket_name}/{self._prefix}".rstrip("/")

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
        with self._bucket_errors("listing", LIST):
            start_offset = self._prefix + start if start else None
            for item in self._items(prefix, fields=FIELDS, start_offset=start_offset):
                found = listed(item, self._prefix)
                if is_object_name(found.name):
                    yield found

    def list_soft_deleted(self) -> list[StoredObject] | None:
        try:
            with self._bucket_errors("listing what is soft-deleted", LIST):
                found = self._items("", fields=FIELDS_DELETED, soft_deleted=True)
                # A server without soft delete ignores the option and returns the live objects.
                return [listed(item, self._prefix) for item in found if item.get("softDeleteTime") is not None]
        except StoreError:
            return None  # soft delete is off, or listing is not permitted: not an error for the caller

    def _items(self, prefix: str, **options: object) -> Iterator[dict[str, Any]]:
        """Yields the raw items of a listing, page by page: a Blob for each would take ten times the memory."""
        found = self._client.list_blobs(
            self._bucket, prefix=self._prefix + prefix, page_size=PAGE, retry=self._retry, **options
        )
        request = found.api_request
        # Google's library would parse the page by `json.loads`, which takes twice as long.
        found.api_request = lambda **query: _ANSWER.validate_json(request(**query, expect_json=False))
        for page in found.pages:
            yield from page.raw_page.get("items", ())

    def staging_folder(self) -> AbstractContextManager[Path]:
        return scratch_folder()

    def create_from_file(self, name: str, path: Path, crc32c: int, metadata: Mapping[str, str]) -> StoredObject:
        check_object_name(name)
        try:
            file = path.open("rb")
        except OSError as error:
            raise StoreError(
                f"storing {name} failed in store {self.url}: its file cannot be read ({error.strerror})"
            ) from error
        with file, self._bucket_errors(f"storing {name}", CREATE):
            stored = self._upload(name, file, os.fstat(file.fileno()).st_size, crc32c, metadata)
        with suppress(OSError):  # frees the disk (on Cloud Run: memory) before the run ends
            path.unlink(missing_ok=True)
        return stored

    def create(self, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
        check_object_name(name)
        with self._bucket_errors(f"storing {name}", CREATE):
            return self._upload(name, io.BytesIO(content), len(content), google_crc32c.value(content), metadata)

    @contextmanager
    def open(self, name: str, generation: str | None = None) -> Iterator[BinaryIO]:
        check_object_name(name)
        if generation is not None and not generation.isdecimal():
            raise self._missing(name)
        with self._bucket_errors(f"reading {name}", READ):
            blob = self._bucket.get_blob(
                self._prefix + name,
                generation=None if generation is None else int(generation),
                retry=self._retry,
            )
            if blob is None:
                raise self._missing(name)
            found = as_object(name, blob)
            crc32c = number_of(blob.crc32c)
        what = f"{name} of store {self.url}"
        raw = RangeReader(partial(self._fetch, name, int(found.generation)), found.size_bytes, crc32c, what)
        with io.BufferedReader(raw, _READ_BUFFER) as reader:
            yield reader

    def read_listed(self, item: StoredObject) -> bytes:
        check_object_name(item.name)
        return self._fetch(item.name, int(item.generation), 0, item.size_bytes) if item.size_bytes else b""

    def read_start(self, name: str, size: int) -> bytes:
        check_object_name(name)
        return self._fetch(name, None, 0, size)

    def read_many(self, items: Iterable[StoredObject]) -> Iterator[bytes | None]:
        return read_many(self._whole, items, self._bucket)

    def delete(self, name: str, generation: str) -> None:
        check_object_name(name)
        if not generation.isdecimal():
            return  # not a generation of a bucket, so no such object exists
        with (
            self._bucket_errors(f"deleting {name}", DELETE),
            suppress(NotFound, PreconditionFailed),  # gone (perhaps by a try whose response was lost), or replaced
        ):
            self._bucket.delete_blob(self._prefix + name, if_generation_match=int(generation), retry=self._retry)

    def set_hold(self, name: str, generation: str, *, held: bool) -> None:
        check_object_name(name)
        if not generation.isdecimal():
            raise self._missing(name)
        action = f"{'holding' if held else 'releasing'} {name}"
        with self._bucket_errors(action, UPDATE):
            blob = self._bucket.blob(self._prefix + name, generation=int(generation))
            blob.temporary_hold = held
            try:
                blob.patch(if_generation_match=int(generation), retry=self._retry)
            except (NotFound, PreconditionFailed):
                raise self._missing(name) from None
        if bool(blob.temporary_hold) is not held:
            raise StoreError(
                f"{action} failed in store {self.url}: the bucket accepted the request but did not apply it"
            )

    @cached_property
    def _client(self) -> Any:
        # Otherwise Google's library reads the bucket's metadata in the background, which a backup may not be permitted.
        os.environ[_NO_BUCKET_LOOKUP] = "true"
        with self._bucket_errors("connecting", READ):
            client_class: Any = storage.Client  # untyped
            client = client_class()
        weakref.finalize(self, client.close)  # else its connections stay open until garbage collection
        return client

    @property
    def _bucket(self) -> Any:
        return self._client.bucket(self._bucket_name)

    def _bucket_errors(self, action: str, right: Right) -> AbstractContextManager[None]:
        return bucket_errors(self.url, action, right)

    def _upload(
        self, name: str, content: BinaryIO, size: int, crc32c: int, metadata: Mapping[str, str]
    ) -> StoredObject:
        nonce = secrets.token_hex(16)
        try:
            blob = self._send(name, content, size, crc32c, {**metadata, NONCE: nonce})
        except PreconditionFailed:
            blob = self._own_object(name, nonce)
        if blob.size != size or number_of(blob.crc32c) != crc32c or not blob.generation:
            self._delete_upload(blob)
            raise StoreError(
                f"storing {name} failed in store {self.url}: the stored object differs from what was sent; try again"
            )
        return as_object(name, blob)

    def _send(self, name: str, content: BinaryIO, size: int, crc32c: int, metadata: dict[str, str]) -> Any:
        """Uploads the object, at most twice, and returns its Blob. Raises StoreError and errors of Google's library."""
        for attempt in ("first", "last"):
            blob = self._bucket.blob(self._prefix + name, chunk_size=UPLOAD_CHUNK)
            blob.metadata = metadata
            blob.crc32c = base64.b64encode(crc32c.to_bytes(4, "big")).decode()
            content.seek(0)
            try:
                blob.upload_from_file(
                    content,
                    size=size,
                    content_type="application/octet-stream",
                    if_generation_match=0,
                    # The server checks our CRC32C, computed when the bytes were first written. The library
                    # would compute its own from what it reads now, and on a mismatch delete any object of that name.
                    checksum=None,
                    retry=self._chunk_retry,
                )
            except (GoogleAPICallError, ValueError) as error:
                # The session was lost (404, 410), or the server persisted less of a chunk than the library
                # supports (ValueError): upload once more from the start.
                if isinstance(error, GoogleAuthError) or getattr(error, "code", None) not in {None, 404, 410}:
                    raise
                if attempt == "last" and not isinstance(error, ValueError):
                    raise
            else:
                return blob
        raise self._failed_twice(name)

    def _failed_twice(self, name: str) -> StoreError:
        return StoreError(f"storing {name} failed in store {self.url}: the upload broke off twice; try again later")

    def _own_object(self, name: str, nonce: str) -> Any:
        """Returns the existing object if an earlier try of this call created it. Raises ObjectExists otherwise."""
        taken = f"{name} is in store {self.url} already, and was left as it is: use another name"
        try:
            blob = self._bucket.get_blob(self._prefix + name, retry=self._retry)
        except Forbidden:
            raise ObjectExists(
                f"{taken} (if this run made it and lost the response: with {READ.permission} it could tell)"
            ) from None
        if blob is None or (blob.metadata or {}).get(NONCE) != nonce:
            raise ObjectExists(taken)
        return blob

    def _delete_upload(self, blob: Any) -> None:
        """Deletes a wrong upload, if permitted. No manifest will name it in any case."""
        if blob.generation:
            with suppress(StoreError), self._bucket_errors("deleting", DELETE):
                blob.delete(if_generation_match=blob.generation, retry=self._retry)

    def _fetch(self, name: str, generation: int | None, start: int, end: int) -> bytes:
        with self._bucket_errors(f"reading {name}", READ):
            try:
                blob = self._bucket.blob(self._prefix + name, generation=generation)
                content: bytes = blob.download_as_bytes(
                    start=start, end=end - 1, raw_download=True, checksum=None, retry=self._retry
                )
            except NotFound:
                raise self._missing(name) from None
        return content

    def _whole(self, item: StoredObject, bucket: Any) -> bytes:
        """Returns all of a listed object with one request, checked against the CRC32C in the response."""
        check_object_name(item.name)
        blob = bucket.blob(self._prefix + item.name, generation=int(item.generation))
        with self._bucket_errors(f"reading {item.name}", READ), checked(item, self.url) as content:
            content.append(blob.download_as_bytes(raw_download=True, checksum="crc32c", retry=self._retry))
        return content[0]

    def _missing(self, name: str) -> ObjectMissing:
        return ObjectMissing(f"store {self.url} holds no {name}, or not the one that was listed: list again")
