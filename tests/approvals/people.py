"""People with real signing keys, and policies that they have signed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.keys.signing import SigningFile
from shared.policy.file import PolicyFile, parse_policy
from shared.statements.envelope import Signer, StatementKind, sign

ANA, BEN, CARLA, MALLORY, CONSOLE, VERIFIER, GLASS = (SigningFile(Ed25519PrivateKey.generate()) for _ in range(7))


def person(name: str, signer: Signer) -> dict[str, str]:
    return {"name": f"{name}@example.com", "key": signer.public.pem}


def document(**more: Any) -> dict[str, Any]:
    """Returns a production policy that names Ana and Ben."""
    people = [person("ana", ANA), person("ben", BEN)]
    return {"environment": "production", "people": people} | more


def signed(content: dict[str, Any], signers: Sequence[Signer]) -> bytes:
    return sign(signers[0], StatementKind.POLICY, json.dumps(content).encode(), signers[1:])


def policy(*signers: Signer, **more: Any) -> PolicyFile:
    return parse_policy(signed(document(**more), signers or (ANA, BEN)))


def allowing(folder: Path, **more: Any) -> dict[str, Any]:
    """Returns the lists of a policy that allows the workplace of a test."""
    return {
        "stores": [str(folder / "backups"), str(folder / "copy")],
        "keys": ["file:own.key"],
        "sources": [str(folder / "app.db")],
        "targets": [str(folder / "app.db"), f"{folder}/restored-*"],
    } | more
