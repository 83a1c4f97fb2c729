"""The ledger of erasures in a store: create-once entries under one secret, each with the hash of the one before.

    erasures/key-1.json   the secret, wrapped by the wrapping key; `litekeep rekey` adds key-2, and so on
    erasures/1.json       {"format", "number", "previous", "sealed"}

`sealed` is an AES-256-GCM ciphertext of the entry, with number and previous hash as associated data: an entry that was
changed, renumbered, or put after another one is an error. A number that is missing is an error too. That the newest
entries were removed shows against the newest checkpoint of the store's audit trail (`anchored.py`), which covers what
was recorded before it, and against another store's ledger.
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
_SECRET, _NONCE = 68, 12  # bytes: 32 to hash with, 32 to encrypt with, 4 for the checksum
_IN_CLEAR = "none"


@dataclass
class Ledger:
    """An open ledger. `head` is the hash of the newest entry's bytes, and empty before the first."""

    secret: bytes
    entries: list[Erasure] = field(default_factory=list)
    head: str = ""
    heads: list[str] = field(default_factory=list)  # of each entry, in order

    @property
    def hasher(self) -> Hasher:
        return Hasher(self.secret[:32], int.from_bytes(self.secret[64:68], "big"))

    def applying_to(self, manifest: Manifest) -> list[Erasure]:
        """The entries that a backup must forget: those of its database that were recorded since its snapshot began."""
        through = (manifest.model_extra or {}).get("erased_through")
        known = through if isinstance(through, int) else 0
        return [
            entry
            for entry in self.entries
            if entry.number > known and entry.concerns(manifest.database, manifest.snapshot_began_at)
        ]


def read_ledger(store: Store, key: WrappingKey | None, witness: Store | None = None) -> Ledger | None:
    """The store's ledger, whole and authentic; None when there is none.

    `witness` is another store that has the same ledger (the copy store). Raises NotErased when an entry is missing,
    changed or not genuine, or the witness or a checkpoint has more; KeyProblem for the secret, StoreError.
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
            f"{report_names.erasure_key(1)} of {store.url} is missing, and erasures are there: {_BRING_BACK}"
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


_BRING_BACK = "bring it back from the copy store (litekeep copy), for without it no restore can forget what it must"


def create_ledger(store: Store, key: WrappingKey | None) -> Ledger:
    """A new ledger with a secret of its own. Raises ObjectExists when there is one, KeyProblem, StoreError."""
    secret = secrets.token_bytes(_SECRET)
    store.create(report_names.erasure_key(1), key_object(secret, key), {})
    return Ledger(secret)


def key_object(secret: bytes, key: WrappingKey | None) -> bytes:
    """The bytes of a key object: the secret wrapped by `key`, or in clear where backups are in clear."""
    wrapped = secret if key is None else key.wrap(secret, _CONTEXT)
    name = _IN_CLEAR if key is None else key.name
    document = {"format": 1, "key": name, "wrapped_secret": base64.b64encode(wrapped).decode()}
    return json.dumps(document, indent=2).encode() + b"\n"


def append(store: Store, ledger: Ledger, entry: Erasure) -> bytes:
    """Stores one more entry and returns its bytes. Raises ObjectExists when somebody was faster."""
    raw = _sealed(ledger, entry)
    try:
        store.create(report_names.erasure(entry.number), raw, {})
    except ObjectExists:
        raise ObjectExists(
            f"{report_names.erasure(entry.number)} was recorded by another run this moment: run it again"
        ) from None
    ledger.entries.append(entry)
    ledger.head = hashlib.sha256(raw).hexdigest()
    ledger.heads.append(ledger.head)
    return raw


def copy_ledger(source: Store, target: Store) -> int:
    """Brings the ledger of another store up to date, keys first. Returns how many objects it lacked."""
    there = {item.name for item in target.list_objects(report_names.ERASURES)}
    keys, entries = _listed(source)
    copied = 0
    for item in (*(keys[number] for number in sorted(keys)), *(entries[number] for number in sorted(entries))):
        if item.name not in there:
            target.create(item.name, _read(source, item), {})
            copied += 1
    return copied


def keys_of(store: Store) -> Mapping[int, bytes]:
    """The key objects by number, as they are stored."""
    return {number: _read(store, item) for number, item in _listed(store)[0].items()}


def named_key(raw: bytes) -> str | None:
    """The key that wrapped the secret, as a key object says it."""
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
            f"{report_names.ERASURES} of {store.url} holds a number above {_MOST}: remove what is no entry of yours"
        )
    return keys, entries


def _compare(store: Store, entries: Mapping[int, StoredObject], witness: Store) -> None:
    """Checks the entries against another store's: none missing, and the newest that both have the same in both.

    Each entry has the hash of the one before, so that one that is the same makes all before it the same.
    """
    try:
        others = _listed(witness)[1]
        newest = max(others.keys() & entries.keys(), default=0)
        theirs = _read(witness, others[newest]) if newest else b""
    except StoreError:
        return  # out of reach: whoever restores must not depend on it
    if max(others, default=0) > max(entries, default=0):
        raise NotErased(
            f"{witness.url} has {count(max(others), 'erasure')} and {store.url} only {max(entries, default=0)}, "
            "as if the newest had been removed: bring them back with litekeep copy, from that store to this"
        )
    if newest and _read(store, entries[newest]) != theirs:
        raise NotErased(
            f"{report_names.erasure(newest)} of {store.url} and of {witness.url} differ: one of them is not the ledger "
            "that was recorded; find out which (the event erase.recorded has the SHA-256), put that one's erasures/ "
            "in the place of the other's"
        )


def _secret(store: Store, keys: Mapping[int, StoredObject], key: WrappingKey | None, first: bytes | None) -> bytes:
    """The secret, from the newest key object that the configured key opens and that opens the first entry."""
    recorded, opened = [], None
    for number in sorted(keys, reverse=True)[:100]:
        document = _document(_read(store, keys[number]))
        name = document.get("key") if document else None
        if document is None or not isinstance(name, str):
            continue
        recorded.append(name)
        secret = _unwrapped(document, name, key)
        if secret is not None and (first is None or _plain(first, 1, secret, "") is not None):
            return secret
        opened = opened or secret
    if opened is not None:
        return opened  # then it is the first entry that is not as it was recorded
    raise KeyProblem(
        f"the erasures of {store.url} are under {recorded[0] if recorded else 'no readable key'}, and BACKUP_KEY is "
        "another: set it to that one, or run litekeep rekey"
    )


def _unwrapped(document: Mapping[str, Any], name: str, key: WrappingKey | None) -> bytes | None:
    try:
        wrapped = base64.b64decode(str(document.get("wrapped_secret")), validate=True)
        if key is None:
            secret = wrapped if name == _IN_CLEAR else None
        else:  # a secret in clear could be anybody's where a key is set
            secret = key.unwrap(wrapped, _CONTEXT) if same_key(name, key.name) else None
    except (ValueError, NotGood):
        return None
    return secret if secret is not None and len(secret) == _SECRET else None


def _sealed(ledger: Ledger, entry: Erasure) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - most stores have no erasures

    number, previous = entry.number, ledger.head
    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(ledger.secret[32:64]).encrypt(nonce, entry.model_dump_json().encode(), _bound(number, previous))
    document = {
        "format": 1,
        "number": number,
        "previous": previous,
        "sealed": base64.b64encode(nonce + sealed).decode(),
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _opened(raw: bytes, number: int, ledger: Ledger, store: Store) -> Erasure:
    plain = _plain(raw, number, ledger.secret, ledger.head)
    if plain is None:
        raise NotErased(
            f"{report_names.erasure(number)} of {store.url} is not the entry that was recorded: it was changed, or put "
            f"there by somebody else; {_BRING_BACK}"
        )
    try:
        entry = Erasure.model_validate_json(plain)
    except ValidationError:
        raise NotErased(f"{report_names.erasure(number)} of {store.url} is of a newer Litekeep: upgrade it") from None
    if entry.number != number or not entry.places:
        raise NotErased(f"{report_names.erasure(number)} of {store.url} says another number: {_BRING_BACK}")
    return entry


def _plain(raw: bytes, number: int, secret: bytes, previous: str) -> bytes | None:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    document = _document(raw)
    if document is None or (document.get("number"), document.get("previous")) != (number, previous):
        return None
    try:
        sealed = base64.b64decode(str(document.get("sealed")), validate=True)
        return AESGCM(secret[32:64]).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(number, previous))
    except (ValueError, InvalidTag):
        return None


def _bound(number: int, previous: str) -> bytes:
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
