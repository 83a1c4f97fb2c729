"""Statements in DSSE envelopes: payload and payload type under one signature.

What is signed are the bytes that are there, so nothing has to be brought into one form first; and the type is signed
with them, so that a statement of one kind is never taken for one of another.
Source: "DSSE: Dead Simple Signing Envelope", protocol and JSON envelope, version 1.
"""

import base64
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from shared.errors import NotGood
from shared.statements.public_key import PublicKey

LARGEST = 1 << 20  # bytes of an envelope
_MOST_SIGNATURES = 16


class StatementKind(StrEnum):
    """What a statement says."""

    REQUEST = "request"
    DECISION = "decision"
    USED = "used"
    VERDICT = "verdict"
    DRILL = "drill"
    CHECKPOINT = "checkpoint"
    POLICY = "policy"

    @property
    def payload_type(self) -> str:
        return f"application/vnd.litekeep.{self.value}+json"


class Signer(Protocol):
    """A private key that signs, wherever it is."""

    @property
    def public(self) -> PublicKey:
        """Raises KeyProblem where it has to be asked for and does not come."""

    def sign(self, message: bytes) -> bytes:
        """The signature of that message. Raises KeyProblem."""


@dataclass(frozen=True)
class Statement:
    """What was signed, and by which of the keys that were asked about."""

    payload: bytes
    keys: tuple[PublicKey, ...]

    @property
    def key(self) -> PublicKey:
        return self.keys[0]

    def document(self) -> dict[str, Any]:
        """The payload as a JSON object. Raises NotGood when it is none."""
        return _object(self.payload, "what was signed")


def sign(signer: Signer, kind: StatementKind, payload: bytes, also: Iterable[Signer] = ()) -> bytes:
    """The envelope's bytes. Raises KeyProblem when a key cannot sign."""
    message = _encoded(kind.payload_type, payload)
    signatures = [{"keyid": each.public.id, "sig": _base64(each.sign(message))} for each in (signer, *also)]
    return _envelope(kind, payload, signatures)


def unsigned(kind: StatementKind, payload: bytes) -> bytes:
    """The envelope's bytes with no signature: what is stored where there is no key to sign with."""
    return _envelope(kind, payload, [])


def add_signature(raw: bytes, kind: StatementKind, signer: Signer) -> bytes:
    """The same envelope with one signature more. Raises NotGood when it is of another kind, KeyProblem."""
    payload, signatures = _opened(raw, kind)
    own = signer.public.id
    kept = [{"keyid": keyid, "sig": _base64(signature)} for keyid, signature in signatures if keyid != own]
    signature = signer.sign(_encoded(kind.payload_type, payload))
    return _envelope(kind, payload, [*kept, {"keyid": own, "sig": _base64(signature)}])


def verify(raw: bytes, kind: StatementKind, keys: Collection[PublicKey]) -> Statement:
    """What was signed by at least one of these keys, as a statement of that kind.

    Raises NotGood for anything else: another kind, no signature of theirs, a changed byte, no envelope at all.
    """
    payload, signatures = _opened(raw, kind)
    message = _encoded(kind.payload_type, payload)
    known = {key.id: key for key in keys}
    good = {
        keyid: known[keyid]
        for keyid, signature in signatures
        if keyid in known and known[keyid].holds(message, signature)
    }
    if not good:
        who = "an unknown key" if signatures else "nobody"
        wrong = any(keyid in known for keyid, _ in signatures)
        raise NotGood(
            f"this {kind} was changed since it was signed, or its signature is forged"
            if wrong
            else f"this {kind} is signed by {who}: the keys that count are in the policy"
        )
    return Statement(payload, tuple(good.values()))


def open_statement(raw: bytes, kind: StatementKind) -> bytes:
    """The payload of a statement of that kind, whoever signed it: to be shown, and never to be believed.

    Raises NotGood when it is no envelope, or of another kind.
    """
    return _opened(raw, kind)[0]


def _envelope(kind: StatementKind, payload: bytes, signatures: list[dict[str, str]]) -> bytes:
    document = {"payloadType": kind.payload_type, "payload": _base64(payload), "signatures": signatures}
    return json.dumps(document, indent=1).encode() + b"\n"


def _opened(raw: bytes, kind: StatementKind) -> tuple[bytes, list[tuple[str, bytes]]]:
    what = f"this {kind}"
    if len(raw) > LARGEST:
        raise NotGood(f"{what} has {len(raw)} bytes, more than any signed statement")
    envelope = _object(raw, what)
    if set(envelope) != {"payloadType", "payload", "signatures"}:
        raise NotGood(f"{what} is not a signed statement")
    if envelope["payloadType"] != kind.payload_type:
        raise NotGood(f"{what} is a signed statement of another kind")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) > _MOST_SIGNATURES:
        raise NotGood(f"{what} has no list of signatures, or more than {_MOST_SIGNATURES}")
    return _bytes(envelope["payload"], what), [_signature(each, what) for each in signatures]


def _signature(found: Any, what: str) -> tuple[str, bytes]:
    if not isinstance(found, dict) or set(found) != {"keyid", "sig"} or not isinstance(found["keyid"], str):
        raise NotGood(f"{what} has a signature that is not one")
    return found["keyid"], _bytes(found["sig"], what)


def _encoded(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the two cannot run into one another."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(raw, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        raise NotGood(f"{what} is not JSON as it is signed") from None
    if not isinstance(found, dict):
        raise NotGood(f"{what} is not a JSON object")
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers must not see two documents: a name that stands twice is an error."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _bytes(text: Any, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise NotGood(f"{what} is not in base64 as it is signed") from None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
