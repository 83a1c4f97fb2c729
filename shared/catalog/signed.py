"""The signature that verdicts and drill reports need, and the key with which this process signs them.

If the policy names a verifier, every reader in the process ignores verdicts and reports without its signature. Both
keys are therefore set once per process, when the settings are read.
"""

from collections.abc import Mapping
from typing import Any

from shared.errors import KeyProblem

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
    if _signing is None:
        raise KeyProblem("the policy counts only what its verifier has signed: set BACKUP_SIGNING_KEY to that key")
    from shared.catalog.signatures import sign_content  # noqa: PLC0415 - only where something is signed

    return sign_content(kind, content, _signing, _verifier)


def doubt_of_signature(kind: str, signed: object, content: Mapping[str, Any]) -> str | None:
    """Returns why `signed` is not the verifier's signature on exactly this content; None if it is or none is needed."""
    if _verifier is None:
        return None
    if not isinstance(signed, str) or not signed:
        return "it is not signed, and the policy counts only what its verifier has signed"
    from shared.catalog.signatures import doubt_of  # noqa: PLC0415 - only under such a policy

    return doubt_of(kind, signed, content, _verifier)
