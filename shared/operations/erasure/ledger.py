"""The ledger of erasures in a store: a chain of create-once entries under one secret.

    erasures/key-1.json   the secret, wrapped by the wrapping key; `litekeep rekey` adds key-2, and so on
    erasures/1.json       {"format", "number", "previous", "sealed"}

`sealed` is an AES-256-GCM ciphertext of the entry. Its associated data are the number and the hash of the previous
entry, so a changed, renumbered, moved or missing entry is an error. Removal of the newest entries is detected by the
newest checkpoint of the audit trail (`anchored.py`) and by the copy store's ledger.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from shared.archive.wrapped_by import same_key
from shared.errors import KeyProblem, NotErased, NotGood, ObjectExists, StoreError
from shared.keys import WrappingKey
from shared.model import report_names
from shared.model.manifest import Manifest, canonical_json
from shared.operations.erasure.anchored import check_bytes, check_numbers, known_entries
from shared.operations.erasure.entry import Erasure, Hasher
from shared.stores import Store, StoredObject
from shared.text import count

LARGEST = 32 << 20  # bytes of an entry; 100,000 hashes take 7 MiB
_MOST = 100_000  # entries
_CONTEXT = canonical_json({"purpose": "litekeep 1 erasures"})
_SECRET = 68  # bytes: 32 to hash with, 32 to encrypt with, 4 for the checksum
_IN_CLEAR = "none"


@dataclass
class Ledger:
    """An open ledger. `head` is the hash of the newest entry's bytes, and empty before the first."""

    secret: bytes
    entries: list[Erasure] = field(default_factory=list)
    head: str = ""
    heads: list[str] = field(default_factory=list)  # the hash of each entry, in order

    @property
    def hasher(self) -> Hasher:
        return Hasher(self.secret[:32], int.from_bytes(self.secret[64:68], "big"))

    def applying_to(self, manifest: Manifest) -> list[Erasure]:
        """Returns the erasures to replay on a backup: those of its database recorded since its snapshot began."""
        through = (manifest.model_extra or {}).get("erased_through")
        known = through if isinstance(through, int) else 0
        return [
            entry
            for entry in self.entries
            if entry.number > known and entry.concerns(manifest.database, manifest.snapshot_began_at)
        ]


def read_ledger(store: Store, key: WrappingKey | None, witness: Store | None = None) -> Ledger | None:
    """Reads and authenticates the whole ledger. Returns None if the store has none.

    `witness` is another store with the same ledger (the copy store). Raises NotErased if an entry is missing, changed
    or not genuine, or if the witness or a checkpoint has more entries; KeyProblem if the key does not open the secret;
    and StoreError.
    """
    keys, entries = _listed(store)
    if witness is not None:
        _compare(store, entries, witness)
    known = known_entries(store)
    check_numbers(store, known, entries, _BRING_BACK)
    if not entries and not keys:
        return None
    if not keys:
        raise NotErased(
            f"{report_names.erasure_key(1)} of {store.url} is missing, but there are erasures: {_BRING_BACK}"
        )
    first = _read(store, entries[1]) if 1 in entries else None
    ledger = Ledger(_secret(store, keys, key, first))
    for number in range(1, max(entries, default=0) + 1):
        if number not in entries:
            raise NotErased(f"{report_names.erasure(number)} of {store.url} is missing: {_BRING_BACK}")
        raw = _read(store, entries[number])
        check_bytes(store, known, number, raw, _BRING_BACK)
        ledger.entries.append(_opened(raw, number, ledger, store))
        ledger.head = hashlib.sha256(raw).hexdigest()
        ledger.heads.append(ledger.head)
    return ledger


_BRING_BACK = "bring it back from the copy store (litekeep copy); until then nothing can be restored"


def create_ledger(store: Store, key: WrappingKey | None) -> Ledger:
    """Creates a ledger with a new secret. Raises ObjectExists if there is one, KeyProblem, and StoreError."""
    secret = secrets.token_bytes(_SECRET)
    store.create(report_names.erasure_key(1), key_object(secret, key), {})
    return Ledger(secret)


def key_object(secret: bytes, key: WrappingKey | None) -> bytes:
    """Returns the bytes of a key object: the secret wrapped by `key`, or unencrypted if backups are."""
    wrapped = secret if key is None else key.wrap(secret, _CONTEXT)
    name = _IN_CLEAR if key is None else key.name
    document = {"format": 1, "key": name, "wrapped_secret": base64.b64encode(wrapped).decode()}
    return json.dumps(document, indent=2).encode() + b"\n"


def append(store: Store, ledger: Ledger, entry: Erasure) -> bytes:
    """Stores one more entry and returns its bytes. Raises ObjectExists if another run stored that number first."""
    raw = _sealed(ledger, entry)
    try:
        store.create(report_names.erasure(entry.number), raw, {})
    except ObjectExists:
        raise ObjectExists(
            f"{report_names.erasure(entry.number)} was just recorded by another run: run the command again"
        ) from None
    ledger.entries.append(entry)
    ledger.head = hashlib.sha256(raw).hexdigest()
    ledger.heads.append(ledger.head)
    return raw


def copy_ledger(source: Store, target: Store) -> int:
    """Copies missing objects of the ledger to another store, keys first. Returns how many were missing."""
    existing = {item.name for item in target.list_objects(report_names.ERASURES)}
    keys, entries = _listed(source)
    copied = 0
    for item in (*(keys[number] for number in sorted(keys)), *(entries[number] for number in sorted(entries))):
        if item.name not in existing:
            target.create(item.name, _read(source, item), {})
            copied += 1
    return copied


def keys_of(store: Store) -> Mapping[int, bytes]:
    """Returns the bytes of the key objects, by number."""
    return {number: _read(store, item) for number, item in _listed(store)[0].items()}


def named_key(raw: bytes) -> str | None:
    """Returns the name of the wrapping key in a key object, or None if it is not readable."""
    document = _document(raw)
    return document["key"] if document is not None and isinstance(document.get("key"), str) else None


def _listed(store: Store) -> tuple[dict[int, StoredObject], dict[int, StoredObject]]:
    keys: dict[int, StoredObject] = {}
    entries: dict[int, StoredObject] = {}
    for item in store.list_objects(report_names.ERASURES):
        parsed = report_names.parse_erasure(item.name)
        if parsed is not None:
            (keys if parsed[0] == "key" else entries)[parsed[1]] = item
    if len(entries) > _MOST or max(entries, default=0) > _MOST:
        raise NotErased(
            f"{report_names.ERASURES} of {store.url} has a number above {_MOST}: remove objects that are not yours"
        )
    return keys, entries


def _compare(store: Store, entries: Mapping[int, StoredObject], witness: Store) -> None:
    """Checks that no entry of another store is missing here, and that the newest common entry is the same.

    Each entry has the hash of the previous one, so if one entry is the same, all earlier ones are too.
    """
    try:
        others = _listed(witness)[1]
        newest = max(others.keys() & entries.keys(), default=0)
        theirs = _read(witness, others[newest]) if newest else b""
    except StoreError:
        return  # the witness is unreachable; a restore must not depend on it
    if max(others, default=0) > max(entries, default=0):
        raise NotErased(
            f"{witness.url} has {count(max(others), 'erasure')} and {store.url} only {max(entries, default=0)}, "
            "as if the newest had been removed: bring them back with litekeep copy, from that store to this"
        )
    if newest and _read(store, entries[newest]) != theirs:
        raise NotErased(
            f"{report_names.erasure(newest)} differs between {store.url} and {witness.url}: find out which one was "
            "recorded (the event erase.recorded has its SHA-256), and replace the other store's erasures/ with that "
            "one's"
        )


def _secret(store: Store, keys: Mapping[int, StoredObject], key: WrappingKey | None, first: bytes | None) -> bytes:
    """Returns the secret: of the newest key object that the configured key opens and that opens the first entry."""
    recorded, opened = [], None
    for number in sorted(keys, reverse=True)[:100]:
        document = _document(_read(store, keys[number]))
        name = document.get("key") if document else None
        if document is None or not isinstance(name, str):
            continue
        recorded.append(name)
        secret = _unwrapped(document, name, key)
        if secret is not None and (first is None or _decrypted(first, 1, secret, "") is not None):
            return secret
        opened = opened or secret
    if opened is not None:
        return opened  # the key is right; the caller finds that the first entry was changed
    raise KeyProblem(
        f"the erasures of {store.url} are under {recorded[0] if recorded else 'no readable key'}, and BACKUP_KEY is "
        "another: set it to that one, or run litekeep rekey"
    )


def _unwrapped(document: Mapping[str, Any], name: str, key: WrappingKey | None) -> bytes | None:
    try:
        wrapped = base64.b64decode(str(document.get("wrapped_secret")), validate=True)
        if key is None:
            secret = wrapped if name == _IN_CLEAR else None
        else:  # with a key, an unencrypted secret is refused: anybody could have written it
            secret = key.unwrap(wrapped, _CONTEXT) if same_key(name, key.name) else None
    except (ValueError, NotGood):
        return None
    return secret if secret is not None and len(secret) == _SECRET else None


def _sealed(ledger: Ledger, entry: Erasure) -> bytes:
    from shared.operations.erasure.sealing import NONCE, encrypt  # noqa: PLC0415 - most stores have no erasures

    number, previous = entry.number, ledger.head
    plain, nonce = entry.model_dump_json().encode(), secrets.token_bytes(NONCE)
    sealed = encrypt(ledger.secret[32:64], nonce, plain, _associated_data(number, previous))
    document = {
        "format": 1,
        "number": number,
        "previous": previous,
        "sealed": base64.b64encode(sealed).decode(),
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _opened(raw: bytes, number: int, ledger: Ledger, store: Store) -> Erasure:
    plain = _decrypted(raw, number, ledger.secret, ledger.head)
    if plain is None:
        raise NotErased(
            f"{report_names.erasure(number)} of {store.url} is not authentic: it was changed or replaced; {_BRING_BACK}"
        )
    try:
        entry = Erasure.model_validate_json(plain)
    except ValidationError:
        raise NotErased(
            f"{report_names.erasure(number)} of {store.url} was written by a newer Litekeep: upgrade"
        ) from None
    if entry.number != number or not entry.places:
        raise NotErased(f"{report_names.erasure(number)} of {store.url} has another number inside: {_BRING_BACK}")
    return entry


def _decrypted(raw: bytes, number: int, secret: bytes, previous: str) -> bytes | None:
    from shared.operations.erasure.sealing import decrypt  # noqa: PLC0415 - as above

    document = _document(raw)
    if document is None or (document.get("number"), document.get("previous")) != (number, previous):
        return None
    try:
        sealed = base64.b64decode(str(document.get("sealed")), validate=True)
        return decrypt(secret[32:64], sealed, _associated_data(number, previous))
    except ValueError:
        return None


def _associated_data(number: int, previous: str) -> bytes:
    return canonical_json({"purpose": "litekeep 1 erasure", "number": number, "previous": previous})


def _document(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("format") == 1 else None


def _read(store: Store, item: StoredObject) -> bytes:
    if item.size_bytes > LARGEST:
        raise NotErased(f"{item.name} of {store.url} has {item.size_bytes} bytes, more than any entry")
    with store.open(item.name, item.generation) as stream:
        return stream.read(LARGEST)
