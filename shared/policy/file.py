"""Reads the policy file: `/etc/litekeep/policy/policy.json`, or the file in BACKUP_POLICY if that does not exist.

    {"environment": "production",
     "stores": ["gs://acme-backups", "gs://acme-backups-copy"],
     "keys": ["gcp-kms://projects/…/cryptoKeys/backups"],
     "sources": ["sqlitecloud://abc.sqlite.cloud:8860/*", "/srv/app/app.db"],
     "targets": ["sqlitecloud://abc.sqlite.cloud:8860/*"],
     "restore": {"in_place": "two-persons", "job": "two-persons", "beside": "one-person"},
     "people": [{"name": "ana@example.com", "key": "PEM"}, {"name": "ben@example.com", "key": "PEM"}],
     "console": {"key": "PEM", "may_attest": ["*@example.com"], "may_decide": false},
     "verifier": {"key": "PEM"}, "monitor": {"key": "PEM"}, "break_glass": {"keys": ["PEM", "PEM"]}}

A person who may start a run can override its environment and arguments, but not the files mounted into it. This file
therefore limits every run: a store, copy store, key, source or target that it does not list is refused before anything
is read. `none` in `keys` allows backups without encryption. A list that is left out allows nothing.

A policy that names people is signed (`litekeep policy sign`), and the file is then the signed statement. Everybody whom
it names signs the first policy. Two people of its predecessor sign each later policy, which names the SHA-256 of its
`predecessor`.
"""

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import NotGood, UsageError
from shared.policy.people import (
    BreakGlass,
    Console,
    Monitor,
    Person,
    RestoreRules,
    Rule,
    Verifier,
    problem_of,
    public_key,
)
from shared.policy.place import policy_path
from shared.settings import Environment
from shared.statements.envelope import StatementKind, open_statement, verify

LARGEST = 1 << 20  # bytes
_TRUSTED = (0,)  # user ids that may own the file, in addition to the caller's

Action = Literal["in_place", "job", "beside", "delete", "cleanup_force"]


class Policy(BaseModel):
    """The whole file. An unknown field is an error, because it would have no effect."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    environment: str
    stores: list[str] = Field(default_factory=list, max_length=1000)
    keys: list[str] = Field(default_factory=list, max_length=1000)
    sources: list[str] = Field(default_factory=list, max_length=10_000)
    targets: list[str] = Field(default_factory=list, max_length=10_000)
    restore: RestoreRules = RestoreRules()
    delete: Rule = "one-person"
    cleanup_force: Rule = "one-person"
    people: list[Person] = Field(default_factory=list, max_length=100)
    console: Console | None = None
    verifier: Verifier | None = None
    monitor: Monitor | None = None
    break_glass: BreakGlass | None = None
    predecessor: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    def needs_two(self, action: Action) -> bool:
        """Returns whether the action needs two persons. Over live data in production it always does."""
        if action == "delete":
            return self.delete == "two-persons"
        if action == "cleanup_force":
            return self.cleanup_force == "two-persons"
        production = self.environment == Environment.PRODUCTION
        default = production and bool(self.people) and action != "beside"
        rule: Rule | None = getattr(self.restore, action)
        return default if rule is None else rule == "two-persons"


@dataclass(frozen=True)
class PolicyFile:
    """A policy and the bytes it was read from. `payload` is the policy without signatures."""

    policy: Policy
    payload: bytes
    raw: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of the policy, by which a successor names it."""
        return hashlib.sha256(self.payload).hexdigest()

    @property
    def signed(self) -> bool:
        """Whether the file is a signed statement."""
        return self.raw is not self.payload

    def signers(self, people: list[Person]) -> list[str]:
        """Returns the names of those people who signed the policy."""
        try:
            found = verify(self.raw, StatementKind.POLICY, [public_key(person.key) for person in people])
        except NotGood:
            return []
        return [person.name for person in people if public_key(person.key) in found.keys]


def read_policy(wanted: Path | None) -> Policy | None:
    """Returns the policy in force; None if there is none. Raises UsageError like `read_policy_in_force`."""
    found = read_policy_in_force(wanted)
    return None if found is None else found.policy


def read_policy_in_force(wanted: Path | None) -> PolicyFile | None:
    """Returns the policy in force with its signatures; None if there is none.

    Raises UsageError if the named file is missing, malformed, can be written by another user, or lacks a signature.
    """
    path = policy_path(wanted)
    if path is None:
        return None
    found = read_policy_file(path, "correct BACKUP_POLICY, or make the file readable: no run starts without its policy")
    if lacking := lacking_signatures(found):
        raise UsageError(f"policy file {path} is wrong: {lacking}")
    return found


def read_policy_file(path: Path, otherwise: str = "name a policy file that can be read") -> PolicyFile:
    """Reads a policy file without checking its signatures.

    Raises UsageError; its line ends with `otherwise` if the file cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _check_owner(path, os.fstat(descriptor))
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"cannot read policy file {path}: {error.strerror}; {otherwise}") from None
    if len(raw) > LARGEST:
        raise UsageError(f"policy file {path} has more than {LARGEST} bytes: name a policy file")
    try:
        return parse_policy(raw)
    except ValueError as error:
        raise UsageError(f"policy file {path} is wrong: {error}") from None


def parse_policy(raw: bytes) -> PolicyFile:
    """Parses a policy, plain or in a signed statement. Raises ValueError with the reason."""
    try:
        document = _document(raw)
        payload = open_statement(raw, StatementKind.POLICY) if "payloadType" in document else raw
        policy = Policy.model_validate(document if payload is raw else _document(payload))
        Environment(policy.environment)
    except NotGood as error:
        raise ValueError(str(error)) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'it'}: {message}") from None
    except (ValueError, RecursionError):
        known = ", ".join(Environment)
        raise ValueError(f"it is not JSON, or its environment is none of {known}") from None
    if problem := _problem_of(policy):
        raise ValueError(problem)
    return PolicyFile(policy, payload, raw)


def lacking_signatures(found: PolicyFile) -> str | None:
    """Returns which signature is missing, as far as the file alone shows; None if none is."""
    people = found.policy.people
    if not people:
        return None if not found.signed else "it is signed and names no people, so nobody can have signed it"
    if not found.signed:
        return "it names people and is not signed: each of them runs litekeep policy sign"
    signed = found.signers(people)
    missing = [person.name for person in people if person.name not in signed]
    if found.policy.predecessor is None and missing:
        return f"the signature of {missing[0]} is missing: the first policy is signed by everybody whom it names"
    return None


def _document(raw: bytes) -> dict[str, Any]:
    """Parses one JSON object. Raises ValueError for anything else, and for a name that occurs twice."""

    def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name occurs twice")
        return dict(pairs)

    document = json.loads(raw, object_pairs_hook=once_each)
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the caller handles both errors as one
    return document


def _problem_of(policy: Policy) -> str | None:
    two = [action for action in ("in_place", "job", "beside") if getattr(policy.restore, action) == "two-persons"]
    if policy.delete == "two-persons":
        two.append("delete")
    if policy.cleanup_force == "two-persons":
        two.append("cleanup_force")
    if two and not policy.people:
        return f"{two[0]} needs two persons, and people names none"
    if policy.environment == Environment.PRODUCTION and policy.restore.in_place == "one-person":
        return "restore.in_place: over live data in production two persons are needed; leave it out, or say two-persons"
    return problem_of(policy.people, policy.console, policy.verifier, policy.monitor, policy.break_glass)


def _check_owner(path: Path, found: os.stat_result) -> None:
    """Raises UsageError unless the file belongs to root or the caller and only they can write it."""
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"policy file {path} is not a plain file: name a policy file")
    if found.st_uid not in (*_TRUSTED, os.getuid()) or found.st_mode & 0o022:
        raise UsageError(f"policy file {path} belongs to or can be written by another user: chown root, chmod 644")
