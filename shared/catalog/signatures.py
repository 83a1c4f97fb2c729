"""Signs and verifies verdicts and drill reports. Only `signed.py` imports this module, and only where that is needed:
cryptography is slow to import.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from shared.errors import KeyProblem, NotGood
from shared.keys.signing import open_signer
from shared.statements.envelope import StatementKind, sign, verify
from shared.statements.public_key import PublicKey


def sign_content(kind: str, content: Mapping[str, Any], setting: str, verifier: str | None) -> str:
    """Returns a signed statement with exactly this content. `setting` is BACKUP_SIGNING_KEY.

    Raises KeyProblem if the key cannot sign, or is not that of `verifier`, a PEM; None accepts any key.
    """
    wanted = None if verifier is None else PublicKey.read(verifier)
    signer = open_signer(setting)
    if wanted is not None and signer.public != wanted:
        raise KeyProblem(
            f"the policy counts only what its verifier, {wanted.id[:16]}, has signed, and BACKUP_SIGNING_KEY is "
            f"{signer.public.id[:16]}"
        )
    return sign(signer, StatementKind(kind), _payload(content)).decode()


def doubt_of(kind: str, signed: str, content: Mapping[str, Any], verifier: str) -> str | None:
    """Returns why `signed` is not a statement with exactly this content by `verifier`, a PEM; None if it is."""
    with suppress(NotGood, UnicodeEncodeError):
        found = verify(signed.encode(), StatementKind(kind), [PublicKey.read(verifier)])
        if json.loads(found.payload) == json.loads(_payload(content)):
            return None
        return "its signature belongs to another content"
    return "its signature is not one of the verifier that the policy names"


def _payload(content: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(content), sort_keys=True).encode()
