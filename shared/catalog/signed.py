"""The signature that verdicts and drill reports need, and the key with which this process signs them.

If the policy names a verifier, every reader in the process ignores verdicts and reports without its signature. Both
keys are therefore set once per process, when the settings are read.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from shared.errors import KeyProblem, NotGood

_verifier: str | None = None  # PEM of the only public key whose signatures are accepted
_signing: str | None = None  # BACKUP_SIGNING_KEY


def count_only_signed_by(pem: str | None) -> None:
    """Makes this process ignore verdicts and drill reports without a signature of that key; None accepts all."""
    global _verifier  # noqa: PLW0603 - one setting per process
    _verifier = pem


def sign_with(setting: str | None) -> None:
    """Makes this process sign the verdicts and drill reports that it writes with that key."""
    global _signing  # noqa: PLW0603 - one setting per process
    _signing = setting


def is_signature_needed() -> bool:
    """Returns whether the policy names a verifier."""
    return _verifier is not None


def signature_on(kind: str, content: Mapping[str, Any]) -> str | None:
    """Returns a signed statement of that kind with exactly this content; None if this process does not sign.

    Raises KeyProblem if the key cannot sign, or is not the one that the policy requires.
    """
    if _signing is None and _verifier is None:
        return None
    from shared.keys.signing import open_signer  # noqa: PLC0415 - only where something is signed
    from shared.statements import PublicKey, StatementKind, sign  # noqa: PLC0415 - as above

    wanted = None if _verifier is None else PublicKey.read(_verifier)
    if _signing is None:
        raise KeyProblem("the policy counts only what its verifier has signed: set BACKUP_SIGNING_KEY to that key")
    signer = open_signer(_signing)
    if wanted is not None and signer.public != wanted:
        raise KeyProblem(
            f"the policy counts only what its verifier, {wanted.id[:16]}, has signed, and BACKUP_SIGNING_KEY is "
            f"{signer.public.id[:16]}"
        )
    return sign(signer, StatementKind(kind), _payload(content)).decode()


def doubt_of_signature(kind: str, signed: object, content: Mapping[str, Any]) -> str | None:
    """Returns why `signed` is not the verifier's signature on exactly this content; None if it is or none is needed."""
    if _verifier is None:
        return None
    from shared.statements import PublicKey, StatementKind, verify  # noqa: PLC0415 - only under such a policy

    if not isinstance(signed, str) or not signed:
        return "it is not signed, and the policy counts only what its verifier has signed"
    with suppress(NotGood, UnicodeEncodeError):
        found = verify(signed.encode(), StatementKind(kind), [PublicKey.read(_verifier)])
        if json.loads(found.payload) == json.loads(_payload(content)):
            return None
        return "its signature belongs to another content"
    return "its signature is not one of the verifier that the policy names"


def _payload(content: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(content), sort_keys=True).encode()
