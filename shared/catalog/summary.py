"""What a listing tells of a backup by itself, where the store keeps metadata beside objects."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.clock import rfc3339
from shared.model.manifest import Chain, Count, Manifest
from shared.stores import StoredObject

_SUMMARY = "litekeep-summary"
_VERDICT = "litekeep-verdict"
_OF_VERDICT = ("id", "database", "kind", "recorded_at", "manifest_sha256", "seal", "signed")
_LONGEST_DAMAGE = 500  # characters
_METADATA_LIMIT = 7000  # bytes; Cloud Storage takes 8 KiB of custom metadata an object


class _SummaryArtifact(BaseModel):
    model_config = ConfigDict(strict=True)

    format: str
    object: str
    size_bytes: Count
    sha256: str
    encrypted: bool


class _SummaryChain(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    base: str
    parent: str | None
    cycle: Count
    changed_pages: Count
    identity: str


class _Summary(BaseModel):
    """What `summarise` makes, as it comes back from a store that anyone may have written to."""

    model_config = ConfigDict(strict=True, extra="allow")  # a later Litekeep may say more

    created_at: str
    keep_until: str
    artifacts: list[_SummaryArtifact]
    tables: Count
    rows: Count
    schema_version: str
    good: bool
    needs: list[str] = []
    chain: _SummaryChain | None = None
    verdict_seal: Count = 0


def summarise(manifest: Manifest) -> dict[str, Any]:
    """What a listing must know of a backup, small enough to stand beside its manifest."""
    return {
        "created_at": rfc3339(manifest.created_at),
        "began_at": rfc3339(manifest.snapshot_began_at),
        "keep_until": rfc3339(manifest.keep_until),
        "artifacts": [
            {
                "format": artifact.format.value,
                "object": artifact.object,
                "size_bytes": artifact.size_bytes,
                "sha256": artifact.sha256,
                "encrypted": artifact.encrypted,
            }
            for artifact in manifest.artifacts
        ],
        "tables": manifest.tables,
        "rows": manifest.rows,
        "schema_version": manifest.schema_version,
        "good": manifest.integrity.good,
        **_in_chain(manifest.chain),
        "verdict_seal": manifest.verdict_seal,
        **_forgotten(manifest),
        **({"key": manifest.encryption.key} if manifest.encryption else {}),
    }


def _forgotten(manifest: Manifest) -> dict[str, Any]:
    """Up to which erasure it was made anew without the erased rows."""
    through = (manifest.model_extra or {}).get("erased_through")
    return {"erased_through": through} if isinstance(through, int) else {}


def _in_chain(chain: Chain | None) -> dict[str, Any]:
    """Its place in a chain, and what it cannot be restored without."""
    if chain is None:
        return {}
    place = chain.model_dump(mode="json", include={"base", "parent", "cycle", "changed_pages", "identity"})
    return {"chain": place, "needs": [chain.parent] if chain.parent else []}


def beside_manifest(manifest: Manifest) -> dict[str, str]:
    """The metadata that a manifest is stored with."""
    return _as_metadata(_SUMMARY, summarise(manifest))


def beside_verdict(document: Mapping[str, Any]) -> dict[str, str]:
    """The metadata that a verification's verdict is stored with."""
    damage = document.get("source_damage")
    said = {field: document[field] for field in _OF_VERDICT if field in document}
    of_source = {"source_damage": str(damage)[:_LONGEST_DAMAGE]} if damage else {}
    return _as_metadata(_VERDICT, {"ok": document.get("ok"), "level": document.get("level"), **said, **of_source})


def summary_of(manifest: StoredObject) -> dict[str, Any] | None:
    """The summary beside a manifest; None when there is none, or it is not one that we would write."""
    content = _from_metadata(_SUMMARY, manifest)
    try:
        return content if content is None else _Summary.model_validate(content).model_dump(mode="json")
    except ValueError:
        return None


def verdict_of(verdict: StoredObject) -> dict[str, Any] | None:
    """Returns the metadata of a verdict object, unchecked; None if it has none."""
    return _from_metadata(_VERDICT, verdict)


def _as_metadata(key: str, content: Mapping[str, Any]) -> dict[str, str]:
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True)
    return {key: text} if len(text) <= _METADATA_LIMIT else {}


def _from_metadata(key: str, item: StoredObject) -> dict[str, Any] | None:
    if key not in item.metadata:
        return None
    try:
        content = json.loads(item.metadata[key])
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
