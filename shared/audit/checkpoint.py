"""Checkpoints: their content, their signature, and the inventory of the objects stored at that time.

Each checkpoint names the hash of the one before it, so that none can be changed, removed or inserted unnoticed. The
signature is on the stored bytes; without a signing key the same envelope has no signature.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import NotGood, ObjectMissing
from shared.model.trail_names import checkpoint_object, parse_inventory
from shared.statements.envelope import Signer, StatementKind, open_statement, sign, unsigned, verify
from shared.stores import Store

if TYPE_CHECKING:
    from shared.statements.public_key import PublicKey

MOST_OBJECTS = 3000  # events under one checkpoint; further events go under the next
MOST_VANISHED = 1000
LARGEST = 1 << 20  # bytes of a checkpoint
_LARGEST_INVENTORY = 16 << 20  # bytes of an inventory as stored
_LARGEST_UNPACKED = 128 << 20
_SHA256 = r"^[0-9a-f]{64}$"


class Checkpoint(BaseModel):
    """The signed content of a checkpoint.

    `objects` are the events since the previous checkpoint, with the SHA-256 of each. `standing` is the name of the
    inventory. `vanished` are backups that are gone without a deletion in the trail, with the time of the checkpoint
    that first missed each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1] = 1
    number: int = Field(ge=1, le=99_999_999)
    taken_at: AwareDatetime
    store: str
    previous: str | None = Field(default=None, pattern=_SHA256)
    policy: str | None = Field(default=None, pattern=_SHA256)
    objects: dict[str, str] = Field(max_length=MOST_OBJECTS)
    standing: str
    standing_sha256: str = Field(pattern=_SHA256)
    backups: int = Field(ge=0)
    vanished: dict[str, AwareDatetime] = Field(default_factory=dict, max_length=MOST_VANISHED)


@dataclass(frozen=True)
class CheckpointInventory:
    """The objects stored at a checkpoint: backups by name prefix, and requests, policies and erasures by hash (`kept`).

    `leaving` are backups without a manifest that still have artifacts: their deletion was in progress or interrupted.
    """

    backups: frozenset[str]
    kept: Mapping[str, str] = field(default_factory=dict)
    leaving: frozenset[str] = frozenset()

    def to_bytes(self) -> bytes:
        """Returns the bytes to store: JSON, compressed with gzip."""
        document = {"version": 1, "backups": sorted(self.backups), "leaving": sorted(self.leaving)}
        return gzip.compress(json.dumps(document | {"kept": dict(sorted(self.kept.items()))}).encode(), mtime=0)

    @classmethod
    def read(cls, content: bytes) -> "CheckpointInventory":
        """Parses the bytes of an inventory. Raises NotGood."""
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                found = json.loads(file.read(_LARGEST_UNPACKED))
            backups, leaving = found["backups"], found["leaving"]
            kept = {str(name): str(digest) for name, digest in found["kept"].items()}
            return cls(frozenset(map(str, backups)), kept, frozenset(map(str, leaving)))
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise NotGood("it is not an inventory") from None


@dataclass(frozen=True)
class Stored:
    """A checkpoint as stored. `signed`: whether one of the accepted keys signed it."""

    checkpoint: Checkpoint
    sha256: str
    signed: bool
    raw: bytes = field(repr=False)


def sealed(checkpoint: Checkpoint, signer: Signer | None) -> bytes:
    """Returns the bytes of a checkpoint's object, signed if there is a key. Raises KeyProblem."""
    payload = checkpoint.model_dump_json().encode()
    return (
        unsigned(StatementKind.CHECKPOINT, payload)
        if signer is None
        else sign(signer, StatementKind.CHECKPOINT, payload)
    )


def read_checkpoint(store: Store, number: int, keys: "Collection[PublicKey]") -> Stored:
    """Reads one checkpoint. Raises ObjectMissing, NotGood if it is not valid, StoreError."""
    with store.open(checkpoint_object(number)) as stream:
        raw = stream.read(LARGEST + 1)
    return parse_checkpoint_bytes(raw, number, keys)


def parse_checkpoint_bytes(raw: bytes, number: int, keys: "Collection[PublicKey]") -> Stored:
    """Parses the bytes of a checkpoint. Raises NotGood if they are not the checkpoint of that number."""
    payload = open_statement(raw, StatementKind.CHECKPOINT)
    try:
        checkpoint = Checkpoint.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise NotGood(f"it is not a checkpoint: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if checkpoint.number != number:
        raise NotGood(f"it is checkpoint {checkpoint.number}, stored under another name")
    if parse_inventory(checkpoint.standing) is None:
        raise NotGood("it names no inventory")
    try:
        verify(raw, StatementKind.CHECKPOINT, keys)
    except NotGood:
        return Stored(checkpoint, hashlib.sha256(raw).hexdigest(), signed=False, raw=raw)
    return Stored(checkpoint, hashlib.sha256(raw).hexdigest(), signed=True, raw=raw)


def read_inventory(store: Store, checkpoint: Checkpoint) -> CheckpointInventory:
    """Reads the inventory of a checkpoint. Raises NotGood if it is missing or was changed, StoreError."""
    try:
        with store.open(checkpoint.standing) as stream:
            content = stream.read(_LARGEST_INVENTORY)
    except ObjectMissing:
        raise NotGood("the inventory of the checkpoint is gone") from None
    if hashlib.sha256(content).hexdigest() != checkpoint.standing_sha256:
        raise NotGood("the inventory of the checkpoint was changed")
    return CheckpointInventory.read(content)
