"""Whose signature verdicts and drill reports need, and which key signs those of this process.

A policy that names a verifier rules over every reader of a process alike: what it has not signed counts for nothing
wherever it is read. So both are said once, when the settings are read, and hold for the process.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from shared.errors import KeyProblem, NotGood

_verifier: str | None = None  # the PEM of the key whose signatures alone count
_signing: str | None = None  # BACKUP_SIGNING_KEY


def count_only_signed_by(pem: str | None) -> None:
    """From now on verdicts and drill reports count only with the signature of that key; None: without any."""
    global _verifier  # noqa: PLW0603 - of the process
    _verifier = pem


def sign_with(setting: str | None) -> None:
    """From now on this process signs the verdicts and drill reports that it writes with that key."""
    global _signing  # noqa: PLW0603 - of the process
    _signing = setting


def is_signature_needed() -> bool:
    return _verifier is not None


def signature_on(kind: str, said: Mapping[str, Any]) -> str | None:
    """A statement of that kind that says exactly this, signed; None when this process signs nothing and need not.

    Raises KeyProblem when the key cannot sign, or is not the one whose signatures count.
    """
    if _signing is None and _verifier is None:
        return None
    from shared.keys.signing import open_signer  # noqa: PLC0415 - only where something is signed
    from shared.statements import PublicKey, StatementKind, sign  # noqa: PLC0415

    wanted = None if _verifier is None else PublicKey.read(_verifier)
    if _signing is None:
        raise KeyProblem("the policy counts only what its verifier has signed: set BACKUP_SIGNING_KEY to that key")
    signer = open_signer(_signing)
    if wanted is not None and signer.public != wanted:
        raise KeyProblem(
            f"the policy counts only what its verifier, {wanted.id[:16]}, has signed, and BACKUP_SIGNING_KEY is "
            f"{signer.public.id[:16]}"
        )
    return sign(signer, StatementKind(kind), _payload(said)).decode()


def doubt_of_signature(kind: str, signed: object, said: Mapping[str, Any]) -> str | None:
    """Why that is not exactly this with the signature that counts; None when it is, or when none is needed."""
    if _verifier is None:
        return None
    from shared.statements import PublicKey, StatementKind, verify  # noqa: PLC0415 - only under such a policy

    if not isinstance(signed, str) or not signed:
        return "it is not signed, and the policy counts only what its verifier has signed"
    with suppress(NotGood, UnicodeEncodeError):
        found = verify(signed.encode(), StatementKind(kind), [PublicKey.read(_verifier)])
        if json.loads(found.payload) == json.loads(_payload(said)):
            return None
        return "its signature is of something else"
    return "its signature is not one of the verifier that the policy names"


def _payload(said: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(said), sort_keys=True).encode()
