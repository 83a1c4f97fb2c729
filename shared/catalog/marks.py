"""Marks that a database has not changed since a backup (`locks/unchanged/…`): writes them and checks them.

A mark names the backup it confirms (database, kind, id, the manifest's SHA-256) and a time. It is sealed under the key
that wraps data keys and not under the data key, because the run that writes it may encrypt but not decrypt. A process
that may decrypt checks the seal. Without that right a mark is valid if its content matches the backup and, in a bucket,
its time matches the time at which the bucket stored it.
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
_WRITTEN_WITHIN = timedelta(minutes=10)  # between the time in a mark and the bucket's own time for the object


def write_mark(
    store: Store, backup: BackupName, manifest_sha256: str, now: datetime, key: WrappingKey | None
) -> StoredObject:
    """Stores a mark that the database is unchanged since that backup at time `now`. Raises StoreError, KeyProblem."""
    mark = Unchanged(backup, now)
    content = _content(mark, manifest_sha256)
    if key is None:
        seal = _UNKEYED + hashlib.sha256(canonical_json(content)).hexdigest()
    else:
        seal = base64.b64encode(key.wrap(_TOKEN, _context(content))).decode()
    sealed = json.dumps(content | {"seal": seal}, ensure_ascii=False).encode() + b"\n"
    return store.create(mark.object, sealed, {})


def doubt_of_mark(
    store: Store, stored: StoredObject, mark: Unchanged, manifest_sha256: str, checker: Checker
) -> str | None:
    """Returns why a mark on the backup with that manifest is not valid; None if it is valid. Raises StoreError."""
    found = _read(store, stored)
    if found is None:
        return "it cannot be read"
    seal = found.pop("seal", None)
    content = _content(mark, manifest_sha256)
    if not isinstance(seal, str) or not seal:
        return "it has no seal"
    if found != content:
        return "it is of another backup, database or time"
    if isinstance(store, OwnTime) and store.has_own_time and abs(stored.created_at - mark.at) > _WRITTEN_WITHIN:
        return "it was stored at another time than it names"
    return _doubt_of_seal(seal, content, checker)


def _doubt_of_seal(seal: str, content: Mapping[str, Any], checker: Checker) -> str | None:
    """Returns why the seal is wrong; None if it is valid or cannot be checked without the key."""
    wrong = "its seal is wrong, so somebody without the key wrote or changed it"
    try:
        key = checker.key
    except LitekeepError:
        return None  # without the key the seal cannot be checked
    if key is None:
        wanted = _UNKEYED + hashlib.sha256(canonical_json(content)).hexdigest()
        return None if hmac.compare_digest(wanted.encode(), seal.encode()) else wrong
    try:
        return None if key.unwrap(base64.b64decode(seal, validate=True), _context(content)) == _TOKEN else wrong
    except (NotGood, binascii.Error, ValueError):
        return wrong
    except LitekeepError as error:
        checker.why_not = str(error)
        return None


def _content(mark: Unchanged, manifest_sha256: str) -> dict[str, Any]:
    backup = mark.backup
    return {
        "kind": backup.kind.value,
        "database": backup.database,
        "id": backup.id,
        "at": f"{mark.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "manifest_sha256": manifest_sha256,
    }


def _context(content: Mapping[str, Any]) -> bytes:
    return canonical_json({"purpose": "litekeep 1 unchanged mark", **content})


def _read(store: Store, stored: StoredObject) -> dict[str, Any] | None:
    try:
        with store.open(stored.name, stored.generation) as stream:
            found = json.loads(stream.read(_LARGEST))
    except (ValueError, RecursionError, ObjectMissing):
        return None
    return found if isinstance(found, dict) else None
