"""Statements in DSSE envelopes: payload and payload type under one signature.

The signature covers the payload's stored bytes, so no canonical form is needed. It also covers the payload type, so a
statement of one kind is never accepted as another.
Source: "DSSE: Dead Simple Signing Envelope", protocol and JSON envelope, version 1.
"""

import base64
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from shared.errors import NotGood

if TYPE_CHECKING:
    from shared.statements.public_key import PublicKey

LARGEST = 1 << 20  # bytes of an envelope
_MOST_SIGNATURES = 16


class StatementKind(StrEnum):
    """The kind of a statement."""

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
    """A private key, in a file or in Cloud KMS."""

    @property
    def public(self) -> "PublicKey":
        """The public half. Raises KeyProblem if Cloud KMS does not return it."""

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of the message. Raises KeyProblem."""


@dataclass(frozen=True)
class Statement:
    """A verified payload, and the given keys whose signatures are valid."""

    payload: bytes
    keys: tuple["PublicKey", ...]

    @property
    def key(self) -> "PublicKey":
        return self.keys[0]

    def document(self) -> dict[str, Any]:
        """Returns the payload as a JSON object. Raises NotGood if it is not one."""
        return _object(self.payload, "the signed payload")


def sign(signer: Signer, kind: StatementKind, payload: bytes, also: Iterable[Signer] = ()) -> bytes:
    """Returns the envelope's bytes, signed by `signer` and by the keys in `also`. Raises KeyProblem."""
    message = _encoded(kind.payload_type, payload)
    signatures = [{"keyid": each.public.id, "sig": _base64(each.sign(message))} for each in (signer, *also)]
    return _envelope(kind, payload, signatures)


def unsigned(kind: StatementKind, payload: bytes) -> bytes:
    """Returns the envelope's bytes without a signature, for a store without a signing key."""
    return _envelope(kind, payload, [])


def add_signature(raw: bytes, kind: StatementKind, signer: Signer) -> bytes:
    """Returns the envelope with one more signature. Raises NotGood for another kind or no envelope, KeyProblem."""
    payload, signatures = _parse(raw, kind)
    own = signer.public.id
    kept = [{"keyid": keyid, "sig": _base64(signature)} for keyid, signature in signatures if keyid != own]
    signature = signer.sign(_encoded(kind.payload_type, payload))
    return _envelope(kind, payload, [*kept, {"keyid": own, "sig": _base64(signature)}])


def verify(raw: bytes, kind: StatementKind, keys: "Collection[PublicKey]") -> Statement:
    """Returns the statement of that kind, if at least one of these keys signed it.

    Raises NotGood otherwise: another kind, no signature by these keys, a changed byte, not an envelope.
    """
    payload, signatures = _parse(raw, kind)
    message = _encoded(kind.payload_type, payload)
    known = {key.id: key for key in keys}
    good = {
        keyid: known[keyid]
        for keyid, signature in signatures
        if keyid in known and known[keyid].verifies(message, signature)
    }
    if not good:
        if any(keyid in known for keyid, _ in signatures):
            raise NotGood(f"this {kind} was changed since it was signed, or its signature is forged")
        problem = "is signed by an unknown key" if signatures else "is not signed"
        raise NotGood(f"this {kind} {problem}: only keys in the policy are accepted")
    return Statement(payload, tuple(good.values()))


def open_statement(raw: bytes, kind: StatementKind) -> bytes:
    """Returns the payload of a statement of that kind without verifying it: only for display.

    Raises NotGood if it is not an envelope, or of another kind.
    """
    return _parse(raw, kind)[0]


def _envelope(kind: StatementKind, payload: bytes, signatures: list[dict[str, str]]) -> bytes:
    document = {"payloadType": kind.payload_type, "payload": _base64(payload), "signatures": signatures}
    return json.dumps(document, indent=1).encode() + b"\n"


def _parse(raw: bytes, kind: StatementKind) -> tuple[bytes, list[tuple[str, bytes]]]:
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
        raise NotGood(f"{what} has a malformed signature")
    return found["keyid"], _bytes(found["sig"], what)


def _encoded(payload_type: str, payload: bytes) -> bytes:
    """Returns DSSE's pre-authentication encoding: the lengths keep type and payload apart."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(raw, object_pairs_hook=_unique_names)
    except (ValueError, RecursionError):
        raise NotGood(f"{what} is not valid JSON") from None
    if not isinstance(found, dict):
        raise NotGood(f"{what} is not a JSON object")
    return found


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Rejects duplicate names: two readers could otherwise see different documents."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate name")
    return found


def _bytes(text: Any, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise NotGood(f"{what} is not valid base64") from None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
