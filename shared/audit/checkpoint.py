"""What a checkpoint says, its signature, and the list of what was stored at that moment.

Each names the hash of the one before it, so that none can be changed, removed or put in between unseen. What is signed
are the bytes that are stored; without a signing key they stand in the same envelope, signed by nobody.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import NotGood, ObjectMissing
from shared.model.trail_names import checkpoint_object, parse_standing
from shared.statements import PublicKey, Signer, StatementKind, open_statement, sign, unsigned, verify
from shared.stores import Store

MOST_OBJECTS = 3000  # events under one checkpoint; more go under another
MOST_VANISHED = 1000
LARGEST = 1 << 20  # bytes of a checkpoint
_LARGEST_STANDING = 16 << 20  # bytes of a list as it is stored
_LARGEST_UNPACKED = 128 << 20
_SHA256 = r"^[0-9a-f]{64}$"


class Checkpoint(BaseModel):
    """`objects`: the events that are new since the one before, with the SHA-256 of each.

    `vanished`: backups that are gone without their deletion in the trail, and the checkpoint that first missed each.
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
class Standing:
    """What was stored: backups by the start of their objects' names, and requests, policies and erasures by hash.

    `leaving` are backups without a manifest of which artifacts are left: a deletion was under way, or cut short.
    """

    backups: frozenset[str]
    kept: Mapping[str, str] = field(default_factory=dict)
    leaving: frozenset[str] = frozenset()

    def to_bytes(self) -> bytes:
        document = {"version": 1, "backups": sorted(self.backups), "leaving": sorted(self.leaving)}
        return gzip.compress(json.dumps(document | {"kept": dict(sorted(self.kept.items()))}).encode(), mtime=0)

    @classmethod
    def read(cls, content: bytes) -> "Standing":
        """Raises NotGood when it is no such list."""
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                found = json.loads(file.read(_LARGEST_UNPACKED))
            backups, leaving = found["backups"], found["leaving"]
            kept = {str(name): str(digest) for name, digest in found["kept"].items()}
            return cls(frozenset(map(str, backups)), kept, frozenset(map(str, leaving)))
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise NotGood("it is no list of what was stored") from None


@dataclass(frozen=True)
class Stored:
    """A checkpoint as a store has it. `signed` is whether one of the keys that were asked about signed it."""

    checkpoint: Checkpoint
    sha256: str
    signed: bool
    raw: bytes = field(repr=False)


def sealed(checkpoint: Checkpoint, signer: Signer | None) -> bytes:
    """The bytes of a checkpoint's object. Raises KeyProblem when the key cannot sign."""
    payload = checkpoint.model_dump_json().encode()
    return (
        unsigned(StatementKind.CHECKPOINT, payload)
        if signer is None
        else sign(signer, StatementKind.CHECKPOINT, payload)
    )


def read_checkpoint(store: Store, number: int, keys: Collection[PublicKey]) -> Stored:
    """Raises ObjectMissing when there is none of that number, NotGood when it is not one, StoreError."""
    with store.open(checkpoint_object(number)) as stream:
        raw = stream.read(LARGEST + 1)
    return parse_checkpoint_bytes(raw, number, keys)


def parse_checkpoint_bytes(raw: bytes, number: int, keys: Collection[PublicKey]) -> Stored:
    """The checkpoint in these bytes. Raises NotGood when it is not the one of that number."""
    payload = open_statement(raw, StatementKind.CHECKPOINT)
    try:
        checkpoint = Checkpoint.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise NotGood(f"it is no checkpoint: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if checkpoint.number != number:
        raise NotGood(f"it is checkpoint {checkpoint.number}, put under another name")
    if parse_standing(checkpoint.standing) is None:
        raise NotGood("it names no list of what was stored")
    try:
        verify(raw, StatementKind.CHECKPOINT, keys)
    except NotGood:
        return Stored(checkpoint, hashlib.sha256(raw).hexdigest(), signed=False, raw=raw)
    return Stored(checkpoint, hashlib.sha256(raw).hexdigest(), signed=True, raw=raw)


def read_standing(store: Store, checkpoint: Checkpoint) -> Standing:
    """What was stored at that checkpoint. Raises NotGood when the list is gone or changed, StoreError."""
    try:
        with store.open(checkpoint.standing) as stream:
            content = stream.read(_LARGEST_STANDING)
    except ObjectMissing:
        raise NotGood("the list of what was stored is gone") from None
    if hashlib.sha256(content).hexdigest() != checkpoint.standing_sha256:
        raise NotGood("the list of what was stored was changed")
    return Standing.read(content)
