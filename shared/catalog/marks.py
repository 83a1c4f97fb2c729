"""Marks that a quiet database was as a backup has it: `locks/unchanged/…`, and whether one counts.

A mark says which backup it confirms (database, kind, id, the manifest's SHA-256) and when, and is sealed under the key
that wraps data keys: the run that writes it may encrypt and not decrypt, so the data key is out of its reach. Whoever
may decrypt checks the seal. Elsewhere a mark counts only if what it says fits the backup and, on a bucket, the time at
which the bucket itself took it.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.catalog.checker import Checker
from shared.errors import LitekeepError, NotGood, ObjectMissing
from shared.keys import WrappingKey
from shared.model.lock_names import Unchanged
from shared.model.manifest import canonical_json
from shared.model.names import BackupName
from shared.stores import Store, StoredObject
from shared.stores.interface import OwnTime

_LARGEST = 16 << 10  # bytes
_TOKEN = b"litekeep unchanged"
_UNKEYED = "sha256:"
_WRITTEN_WITHIN = timedelta(minutes=10)  # of the moment that a mark names, by a bucket's own clock


def write_mark(
    store: Store, backup: BackupName, manifest_sha256: str, now: datetime, key: WrappingKey | None
) -> StoredObject:
    """Says in the store that the database was as that backup has it, at that moment. Raises StoreError, KeyProblem."""
    mark = Unchanged(backup, now)
    said = _said(mark, manifest_sha256)
    if key is None:
        seal = _UNKEYED + hashlib.sha256(canonical_json(said)).hexdigest()
    else:
        seal = base64.b64encode(key.wrap(_TOKEN, _context(said))).decode()
    content = json.dumps(said | {"seal": seal}, ensure_ascii=False).encode() + b"\n"
    return store.create(mark.object, content, {})


def doubt_of_mark(
    store: Store, stored: StoredObject, mark: Unchanged, manifest_sha256: str, checker: Checker
) -> str | None:
    """Why a mark on a backup with that manifest counts for nothing; None when it counts. Raises StoreError."""
    content = _read(store, stored)
    if content is None:
        return "it says nothing that can be read"
    seal = content.pop("seal", None)
    said = _said(mark, manifest_sha256)
    if not isinstance(seal, str) or not seal:
        return "it carries no seal"
    if content != said:
        return "it is of another backup, database or time"
    if isinstance(store, OwnTime) and store.has_own_time and abs(stored.created_at - mark.at) > _WRITTEN_WITHIN:
        return "it was stored at another time than it names"
    return _doubt_of_seal(seal, said, checker)


def _doubt_of_seal(seal: str, said: Mapping[str, Any], checker: Checker) -> str | None:
    wrong = "its seal is wrong, so somebody without the key wrote or changed it"
    try:
        key = checker.key
    except LitekeepError:
        return None  # it cannot be checked here
    if key is None:
        wanted = _UNKEYED + hashlib.sha256(canonical_json(said)).hexdigest()
        return None if hmac.compare_digest(wanted.encode(), seal.encode()) else wrong
    try:
        return None if key.unwrap(base64.b64decode(seal, validate=True), _context(said)) == _TOKEN else wrong
    except (NotGood, binascii.Error, ValueError):
        return wrong
    except LitekeepError as error:
        checker.why_not = str(error)
        return None


def _said(mark: Unchanged, manifest_sha256: str) -> dict[str, Any]:
    backup = mark.backup
    return {
        "kind": backup.kind.value,
        "database": backup.database,
        "id": backup.id,
        "at": f"{mark.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "manifest_sha256": manifest_sha256,
    }


def _context(said: Mapping[str, Any]) -> bytes:
    return canonical_json({"purpose": "litekeep 1 unchanged mark", **said})


def _read(store: Store, stored: StoredObject) -> dict[str, Any] | None:
    try:
        with store.open(stored.name, stored.generation) as stream:
            found = json.loads(stream.read(_LARGEST))
    except (ValueError, RecursionError, ObjectMissing):
        return None
    return found if isinstance(found, dict) else None
