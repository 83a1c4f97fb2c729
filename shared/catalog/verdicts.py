"""Decides whether a verdict on a backup is valid. Only `weigh` decides.

Anyone who can create objects in a store can write a verdict, copy one, or store a manifest and its verdict under a new
name. Therefore a verdict contains what it belongs to (id, database, kind, the manifest's SHA-256, result, rungs and
time) and has a seal under the backup's data key, like the manifest: a verifier can decrypt. The sealed part of the
manifest says that verdicts on it have a seal (`verdict_seal`); only verdicts on older backups may lack one.

Without the key everything but the seal is checked, and a valid verdict is shown as "not checked here". A verdict "good"
without a seal is then ignored. A verdict "not good" without a seal is accepted, because the manifest itself may have
been changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from shared.archive.seals import is_record_sealed, seal_record
from shared.catalog.signed import doubt_of_signature, is_signature_needed, signature_on
from shared.model.manifest import Manifest
from shared.model.names import BackupName
from shared.records import record

if TYPE_CHECKING:
    from shared.archive.data_key import DataKey

VERDICT = "verdict"  # the purpose in a verdict's seal and signature
_ELSEWHERE = "it is of another backup or another time"
_BOUND = ("id", "database", "kind", "recorded_at")


class Trust(StrEnum):
    """How a valid verdict was checked."""

    SEALED = "checked"
    UNSEALED = "not sealed"  # the backup was taken before verdicts had seals
    SIGNED = "signed"  # by the verifier that the policy names; the seal was not checked here
    UNCHECKED = "not checked here"


@dataclass(frozen=True)
class Opened:
    """A manifest with a valid seal: the hash of its bytes, and its data key; None if the backup is not encrypted."""

    sha256: str
    data_key: "DataKey | None"
    verdict_seal: int = 0


@record(frozen=True, slots=True)
class Weighed:
    """The decision on a verdict. `ok` is None if the verdict is ignored, and then `doubt` says why."""

    ok: bool | None
    trust: Trust = Trust.UNCHECKED
    level: str | None = None
    source_damage: str | None = None
    doubt: str | None = None


def opened_as(manifest: Manifest, raw: bytes, data_key: "DataKey | None") -> Opened:
    """Returns what verdicts are checked against, for a manifest whose seal was found valid."""
    return Opened(hashlib.sha256(raw).hexdigest(), data_key, manifest.verdict_seal)


def seal_verdict(document: Mapping[str, Any], name: BackupName, moment: datetime, opened: Opened | None) -> bytes:
    """Returns the bytes of a verdict of that moment. `opened` is None if the manifest is not good: then it has no seal.

    The verdict is also signed if this process has a signing key. Raises KeyProblem if a required signature fails.
    """
    whole = {**document, **_binding(name, moment)}
    if opened is not None:
        whole["manifest_sha256"] = opened.sha256
    signed = signature_on(VERDICT, _signed_part(whole))
    if signed is not None:
        whole["signed"] = signed
    if opened is None:
        return json.dumps(whole, indent=2, ensure_ascii=False).encode() + b"\n"
    return seal_record(whole, VERDICT, opened.data_key)


def read_verdict(content: bytes) -> Mapping[str, Any] | None:
    """Returns the JSON object in a verdict's bytes; None if there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def weigh(
    document: Mapping[str, Any] | None,
    name: BackupName,
    moment: datetime | None,
    sealing: int,
    *,
    opened: Opened | None = None,
    raw: bytes = b"",
) -> Weighed:
    """Decides on one verdict.

    `document` is its content (None if it cannot be read), `name` and `moment` come from its object's name, `sealing` is
    the manifest's `verdict_seal`. If the key is available, `opened` is the manifest and `raw` the verdict's bytes.
    """
    if document is None:
        is_proof_needed = is_signature_needed() or (opened is not None and sealing)
        return Weighed(None, doubt="it cannot be read") if is_proof_needed else Weighed(False)
    level, of_source = document.get("level"), document.get("source_damage")
    weighed = Weighed(
        document.get("ok") is True,
        level=level if isinstance(level, str) else None,
        source_damage=of_source if isinstance(of_source, str) else None,
    )
    if is_signature_needed():
        unsigned = doubt_of_signature(VERDICT, document.get("signed"), _signed_part(document))
        if unsigned is None and (moment is None or not _is_bound(document, name, moment)):
            unsigned = _ELSEWHERE
        if unsigned is not None:
            return Weighed(None, doubt=unsigned)
    seal = document.get("seal")
    if seal is None and not sealing:
        return _with(weighed, Trust.UNSEALED)
    why_not = _doubt(document, seal, name, moment, weighed, opened, raw)
    if why_not is not None:
        return Weighed(None, doubt=why_not)
    if opened is not None:
        return _with(weighed, Trust.SEALED)
    return _with(weighed, Trust.SIGNED if is_signature_needed() else Trust.UNCHECKED)


def _doubt(
    document: Mapping[str, Any],
    seal: object,
    name: BackupName,
    moment: datetime | None,
    weighed: Weighed,
    opened: Opened | None,
    raw: bytes,
) -> str | None:
    """Returns why a verdict is ignored; None if no check fails. Without `opened`, its seal is not checked."""
    if not isinstance(seal, str) or not seal:
        return "it has no seal" if weighed.ok or opened is not None else None
    if moment is None or not _is_bound(document, name, moment):
        return _ELSEWHERE
    if opened is None:
        return None
    if not is_record_sealed(raw, seal, VERDICT, opened.data_key):
        return "its seal is wrong, so somebody without the key wrote or changed it"
    if document.get("manifest_sha256") != opened.sha256:
        return "it is of another manifest"
    return None


def _is_bound(document: Mapping[str, Any], name: BackupName, moment: datetime) -> bool:
    return _binding(name, moment).items() <= document.items()


def _signed_part(document: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a signature covers: short, so that it fits in object metadata."""
    return {field: document.get(field) for field in (*_BOUND, "manifest_sha256", "ok", "level")}


def _with(weighed: Weighed, trust: Trust) -> Weighed:
    return Weighed(weighed.ok, trust, weighed.level, weighed.source_damage)


def _binding(name: BackupName, moment: datetime) -> dict[str, str]:
    """Returns the fields that bind a verdict to its object's name, to the microsecond."""
    at = moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"  # four times as fast as strftime
    return {"id": name.id, "database": name.database, "kind": name.kind.value, "recorded_at": at}
