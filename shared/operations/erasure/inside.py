"""The function for erasures that runs in the confined process. Arguments and results are JSON."""

import base64
from pathlib import Path
from typing import Any

from shared.operations.erasure import replay as replaying
from shared.operations.erasure.entry import Erasure, Hasher
from shared.runtime.confined_child import Call


def replay(
    _call: Call, path: str, entries: list[str], secret: str, seed: int, what: str, absent: list[str]
) -> dict[str, Any]:
    """Replays erasures on a file. The secret can only hash; it decrypts nothing."""
    known = [Erasure.model_validate_json(entry) for entry in entries]
    hasher = Hasher(base64.b64decode(secret), seed)
    return replaying.replay(Path(path), known, hasher, what=what, absent=absent).to_json()
