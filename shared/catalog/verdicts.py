"""Whether a verdict on a backup counts. Only `weigh` decides.

Who can only create objects in a store can write a verdict, copy one, or put a manifest and its verdict under a new
name. So a verdict says what it is of: id, database, kind, the manifest's SHA-256, result, rungs and time; and it has a
seal under the backup's data key, as the manifest has: whoever verifies can decrypt. Manifests say in themselves, under
their own seal, that verdicts on them have one (`verdict_seal`); only those of older backups may do without.

Without the key all but the seal is looked at, and the verdict counts as recorded, "not checked here". "Good" without a
seal counts for nothing then; "not good" does, as nobody can tell here whether the manifest itself was changed.
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

if TYPE_CHECKING:
    from shared.archive.data_key import DataKey

VERDICT = "verdict"  # what such a seal is on
_ELSEWHERE = "it is of another backup or another time"
_BOUND = ("id", "database", "kind", "recorded_at")


class Trust(StrEnum):
    """How far a verdict that counts was looked into."""

    SEALED = "checked"
    UNSEALED = "not sealed"  # of a backup that was taken before verdicts had seals
    SIGNED = "signed"  # by the verifier that the policy names; its seal was not looked at here
    UNCHECKED = "not checked here"


@dataclass(frozen=True)
class Opened:
    """A manifest whose seal holds: the hash of its bytes, and its data key, or None where nothing is encrypted."""

    sha256: str
    data_key: "DataKey | None"
    verdict_seal: int = 0


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a verdict comes to. `ok` is None when it counts for nothing, and then `doubt` says why."""

    ok: bool | None
    trust: Trust = Trust.UNCHECKED
    level: str | None = None
    source_damage: str | None = None
    doubt: str | None = None


def opened_as(manifest: Manifest, raw: bytes, data_key: "DataKey | None") -> Opened:
    """What holds verdicts to a manifest whose seal was found to hold."""
    return Opened(hashlib.sha256(raw).hexdigest(), data_key, manifest.verdict_seal)


def seal_verdict(document: Mapping[str, Any], name: BackupName, moment: datetime, opened: Opened | None) -> bytes:
    """The bytes of a verdict of that moment; None for `opened` where the manifest itself is not good: then no seal.

    Signed besides, where this process has a key for that. Raises KeyProblem when it must be and cannot be.
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
    """The document in a verdict's bytes; None when there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def weigh(
    said: Mapping[str, Any] | None,
    name: BackupName,
    moment: datetime | None,
    sealing: int,
    *,
    opened: Opened | None = None,
    raw: bytes = b"",
) -> Weighed:
    """Decides over one verdict.

    `said` is what it says (None if nothing readable), `name` and `moment` what its object's name says, `sealing` the
    manifest's `verdict_seal`. With the key at hand `opened` is the manifest and `raw` the verdict's bytes.
    """
    if said is None:
        doubt, sure = "it cannot be read", is_signature_needed() or (opened is not None and sealing)
        return Weighed(None, doubt=doubt) if sure else Weighed(False)
    level, of_source = said.get("level"), said.get("source_damage")
    weighed = Weighed(
        said.get("ok") is True,
        level=level if isinstance(level, str) else None,
        source_damage=of_source if isinstance(of_source, str) else None,
    )
    unsigned = doubt_of_signature(VERDICT, said.get("signed"), _signed_part(said))
    if unsigned is None and is_signature_needed() and (moment is None or not _is_bound(said, name, moment)):
        unsigned = _ELSEWHERE
    if unsigned is not None:
        return Weighed(None, doubt=unsigned)
    seal = said.get("seal")
    if seal is None and not sealing:
        return _with(weighed, Trust.UNSEALED)
    why_not = _doubt(said, seal, name, moment, weighed, opened, raw)
    if why_not is not None:
        return Weighed(None, doubt=why_not)
    if opened is not None:
        return _with(weighed, Trust.SEALED)
    return _with(weighed, Trust.SIGNED if is_signature_needed() else Trust.UNCHECKED)


def _doubt(
    said: Mapping[str, Any],
    seal: object,
    name: BackupName,
    moment: datetime | None,
    weighed: Weighed,
    opened: Opened | None,
    raw: bytes,
) -> str | None:
    if not isinstance(seal, str) or not seal:
        return "it carries no seal" if weighed.ok or opened is not None else None
    if moment is None or not _is_bound(said, name, moment):
        return _ELSEWHERE
    if opened is None:
        return None
    if not is_record_sealed(raw, seal, VERDICT, opened.data_key):
        return "its seal is wrong, so somebody without the key wrote or changed it"
    if said.get("manifest_sha256") != opened.sha256:
        return "it is of another manifest"
    return None


def _is_bound(said: Mapping[str, Any], name: BackupName, moment: datetime) -> bool:
    wanted = _binding(name, moment)
    return all(said.get(field) == wanted[field] for field in _BOUND)


def _signed_part(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a signature covers: short, so that a listing can carry it."""
    return {field: said.get(field) for field in (*_BOUND, "manifest_sha256", "ok", "level")}


def _with(weighed: Weighed, trust: Trust) -> Weighed:
    return Weighed(weighed.ok, trust, weighed.level, weighed.source_damage)


def _binding(name: BackupName, moment: datetime) -> dict[str, str]:
    """What ties a verdict to its place: the same as its object's name says, to the microsecond."""
    at = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return {"id": name.id, "database": name.database, "kind": name.kind.value, "recorded_at": at}
