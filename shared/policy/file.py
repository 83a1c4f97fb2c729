"""Reads the policy file: `/etc/litekeep/policy/policy.json`, or where BACKUP_POLICY points when that does not exist.

    {"environment": "production",
     "stores": ["gs://acme-backups", "gs://acme-backups-copy"],
     "keys": ["gcp-kms://projects/…/cryptoKeys/backups"],
     "sources": ["sqlitecloud://abc.sqlite.cloud:8860/*", "/srv/app/app.db"],
     "targets": ["sqlitecloud://abc.sqlite.cloud:8860/*"]}

Who may start a run may override its environment and its arguments, but not what is mounted into it. So this file rules:
a store, copy store, key, source or target that it does not list is refused before anything is read. `none` among the
keys allows backups in clear. A list that is left out allows nothing.
"""

import json
import os
import stat
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import UsageError
from shared.settings import Environment

FIXED_PATH = Path("/etc/litekeep/policy/policy.json")
_LARGEST = 1 << 20  # bytes
_TRUSTED = (0,)  # whose file it may be besides the caller's own


class Policy(BaseModel):
    """The whole file; a field that is not known here is an error, as it would rule nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    environment: str
    stores: list[str] = Field(default_factory=list, max_length=1000)
    keys: list[str] = Field(default_factory=list, max_length=1000)
    sources: list[str] = Field(default_factory=list, max_length=10_000)
    targets: list[str] = Field(default_factory=list, max_length=10_000)


def read_policy(wanted: Path | None) -> Policy | None:
    """The policy in force; None when there is none. `wanted` counts only where nothing is at the fixed path.

    Raises UsageError for a file that is missing though it was named, is not a policy, or could be another user's.
    """
    path = FIXED_PATH if FIXED_PATH.exists() else wanted
    if path is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _check_owner(path, os.fstat(descriptor))
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"policy file {path} cannot be read: {error.strerror}; every run needs it") from None
    if len(raw) > _LARGEST:
        raise UsageError(f"policy file {path} has more than {_LARGEST} bytes")
    try:
        policy = Policy.model_validate(json.loads(raw))
        Environment(policy.environment)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UsageError(
            f"policy file {path} is wrong: {'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
        ) from None
    except (ValueError, RecursionError):
        known = ", ".join(Environment)
        raise UsageError(
            f"policy file {path} is wrong: it is not JSON, or its environment is none of {known}"
        ) from None
    return policy


def _check_owner(path: Path, found: os.stat_result) -> None:
    """A file that decides belongs to root or to the caller, and nobody else may write to it."""
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"policy file {path} is not a plain file")
    if found.st_uid not in (*_TRUSTED, os.getuid()) or found.st_mode & 0o022:
        raise UsageError(f"policy file {path} belongs to or can be written by another user: chown root, chmod 644")
