"""Re-wraps a backup's data key: the sidecar `ID.rekey-NUMBER.json`.

Re-wrapping does not change the manifest or the artifacts. The sidecar is bound to its backup twice: the wrapping has
the same context as the one in the manifest, and the sidecar is sealed with the data key itself. So a sidecar that was
forged, changed, or copied from another backup or number never opens anything, and never blocks another valid wrapping.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.archive.seals import check_manifest, without_seal
from shared.archive.wrapped_by import same_key
from shared.clock import rfc3339
from shared.errors import KeyProblem, LitekeepError, NotGood, StoreError
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.manifest import Encryption, Manifest
from shared.model.names import BackupName
from shared.version import TOOL

if TYPE_CHECKING:
    from shared.archive.data_key import DataKey

LARGEST = 64 << 10  # bytes; ours have about 1,000
_MOST = 100  # sidecars of one backup that are tried
_PURPOSE = "rekey"

Read = Callable[[], bytes]


class Rewrapping(BaseModel):
    """The content of a sidecar. Do not trust it before `is_genuine`."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    format: int = Field(ge=1, le=1)
    id: str
    database: str
    kind: Kind
    number: int
    made_at: str
    tool: str
    encryption: Encryption
    seal: str

    @property
    def name(self) -> BackupName:
        return BackupName(self.kind, self.database, self.id)


def make_rewrapping(name: BackupName, number: int, data_key: "DataKey", key: WrappingKey, moment: datetime) -> bytes:
    """Returns the bytes of a sidecar with the data key wrapped by `key`. Raises KeyProblem."""
    document = Rewrapping(
        format=1,
        id=name.id,
        database=name.database,
        kind=name.kind,
        number=number,
        made_at=rfc3339(moment),
        tool=TOOL,
        encryption=data_key.wrap(key, name),
        seal="",
    )
    seal = data_key.seal(_bytes(document), _PURPOSE)
    return _bytes(document.model_copy(update={"seal": seal}))


def parse_rewrapping(raw: bytes, name: BackupName, number: int) -> Rewrapping | None:
    """Parses a stored sidecar. Returns None if it is not one of that backup and number."""
    if len(raw) > LARGEST:
        return None
    try:
        found = Rewrapping.model_validate(json.loads(raw))
    except (ValidationError, ValueError, RecursionError):
        return None
    return found if found.name == name and found.number == number else None


def is_genuine(raw: bytes, found: Rewrapping, data_key: "DataKey") -> bool:
    """Returns whether the sidecar was sealed with the backup's data key and not changed since."""
    content = without_seal(raw, found.seal)
    return content is not None and data_key.is_sealed(content, found.seal, _PURPOSE)


def open_sealed(
    manifest: Manifest, raw: bytes, key: WrappingKey | None, sidecars: Iterable[tuple[int, Read]] = ()
) -> "DataKey | None":
    """Checks a manifest as `check_manifest` does, with the newest wrapping that `key` can unwrap.

    `sidecars` are the backup's re-wrappings, the newest first. Raises NotGood and KeyProblem as `check_manifest` does.
    """
    if key is None or manifest.encryption is None:
        return check_manifest(manifest, raw, key)
    problem: LitekeepError | None = None
    for number, read in list(sidecars)[:_MOST]:
        try:
            data_key = open_rewrapping(read(), number, manifest, raw, key)
        except (KeyProblem, NotGood, StoreError) as error:
            problem = problem or error
        else:
            if data_key is not None:
                return data_key
    try:
        return check_manifest(manifest, raw, key)
    except KeyProblem:
        if problem is None:
            raise
        raise problem from None


def open_rewrapping(sidecar: bytes, number: int, manifest: Manifest, raw: bytes, key: WrappingKey) -> "DataKey | None":
    """Returns the data key from one sidecar, or None if another key wrapped it.

    Raises NotGood for a sidecar that is not genuine or does not fit this manifest; KeyProblem if `key` cannot be used.
    """
    from shared.archive.data_key import DataKey  # noqa: PLC0415 - Tink is slow to import

    name = manifest.name
    found = parse_rewrapping(sidecar, name, number)
    if found is None:
        raise _foreign(name, number)
    if not same_key(found.encryption.key, key.name):
        return None
    try:
        data_key = DataKey.unwrap(found.encryption, key, name)
    except NotGood:
        raise _foreign(name, number) from None
    content = without_seal(raw, manifest.seal)
    if not is_genuine(sidecar, found, data_key) or content is None or not data_key.is_sealed(content, manifest.seal):
        raise _foreign(name, number)
    return data_key


def _bytes(document: Rewrapping) -> bytes:
    return document.model_dump_json(indent=2).encode() + b"\n"


def _foreign(name: BackupName, number: int) -> NotGood:
    return NotGood(
        f"{name.rewrapping(number)} is not a re-wrapping of this backup's key: it was changed, or is another backup's; "
        "set BACKUP_KEY to the key that the backup was made with"
    )
