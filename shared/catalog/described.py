"""The full description of one backup for `litekeep show` and the console."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.clock import rfc3339
from shared.errors import ObjectMissing
from shared.model import names

_LARGEST_VERDICT = 1 << 20


def document_of(catalog: Catalog, backup: Backup) -> dict[str, Any]:
    """Returns the item of `list --json` with the manifest, without wrapped keys and seal, and the verdicts, newest
    first.
    """
    manifest, _ = catalog.read_manifest(backup)
    stored = manifest.model_dump(mode="json", exclude={"seal", "encryption"})
    stored["encrypted_with"] = manifest.encryption.key if manifest.encryption else None
    return backup.to_json() | {"manifest": stored, "verdicts": list(_verdicts(catalog, backup))}


def _verdicts(catalog: Catalog, backup: Backup) -> Iterator[dict[str, Any]]:
    found = []
    for item in catalog.store.list_objects(backup.name.prefix):
        parsed = names.parse(item.name)
        if parsed and parsed.backup == backup.name and parsed.verified_at:
            found.append((parsed.verified_at, item))
    for at, item in sorted(found, key=lambda pair: pair[0], reverse=True):
        content: Any = None
        with suppress(ObjectMissing, ValueError, RecursionError), catalog.store.open(item.name) as stream:
            content = json.loads(stream.read(_LARGEST_VERDICT))
        yield {"at": rfc3339(at), **(content if isinstance(content, dict) else {"ok": None, "checks": []})}
