"""Verifies many backups. Each gets a verdict, even if others cannot be read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.catalog.backup import Backup
from shared.catalog.holds import is_stored
from shared.clock import rfc3339
from shared.errors import KeyProblem, LitekeepError, ObjectMissing, StoreError
from shared.model import names
from shared.operations.verify.ladder import LEVEL, Verification
from shared.runtime.so_far import note
from shared.stores import Store
from shared.text import count

_GIVE_UP_AFTER = 5  # failures in a row: the store or the key is at fault then, and each attempt takes long


@dataclass(frozen=True)
class KnownGood:
    """A backup that was verified as good at the same level before, and is not read again."""

    backup: Backup

    @property
    def ok(self) -> bool:
        return True

    @property
    def id(self) -> str:
        return self.backup.name.id

    @property
    def verified_on(self) -> str:
        """The time of that verification in RFC 3339."""
        parsed = names.parse(self.backup.verdict.name) if self.backup.verdict else None
        return rfc3339(parsed.verified_at) if parsed and parsed.verified_at else "an unknown time"

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "ok": True,
            "level": LEVEL,
            "checks": [],
            "database": self.backup.name.database,
            "kind": self.backup.name.kind.value,
            "verified_at": self.verified_on,
            "skipped": True,
        }


@dataclass(frozen=True)
class Unproven:
    """A backup that could not be verified: the store, the key or the disk failed."""

    backup: Backup
    error: str

    @property
    def ok(self) -> None:
        return None

    @property
    def id(self) -> str:
        return self.backup.name.id

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "ok": None,
            "level": LEVEL,
            "checks": [],
            "database": self.backup.name.database,
            "kind": self.backup.name.kind.value,
            "error": self.error,
        }


@dataclass(frozen=True)
class Missing:
    """A database without a backup to verify. `unproven`: it has good backups, but none was verified."""

    database: str
    unproven: bool = False

    @property
    def ok(self) -> bool:
        return False

    @property
    def error(self) -> str:
        if self.unproven:
            return f"no backup of {self.database} was verified: run litekeep verify --database {self.database}"
        return f"no good backup of {self.database}: see litekeep list --database {self.database}"

    def to_json(self) -> dict[str, Any]:
        return {"id": None, "ok": False, "level": LEVEL, "checks": [], "database": self.database, "error": self.error}


Verdict = Verification | KnownGood | Unproven | Missing


def verify_many(
    store: Store,
    backups: Sequence[Backup],
    verify: Callable[[Backup], Verification],
    *,
    again: bool,
    look: Callable[[Backup], Backup] | None = None,
    read_before: datetime | None = None,
) -> list[Verdict]:
    """Returns a verdict for each backup, in the given order. Backups deleted meanwhile are left out.

    A backup that was good at the same level is not read again, unless `again`. This requires unchanged sizes, valid
    seals of manifest and verdict (`look` checks them with the key), and a verdict since `read_before`. A backup that
    was not good is always read again: it may have been repaired. After five failures in a row the rest is not tried.
    """
    found: list[Verdict] = []
    in_a_row = 0
    note("verify", lambda: _so_far(found, len(backups)))
    for backup in backups:
        checked = backup if again else _with_checked_seals(backup, look)
        if not again and checked is not None and _is_known_good(checked, read_before):
            found.append(KnownGood(checked))
            continue
        if in_a_row >= _GIVE_UP_AFTER:
            found.append(Unproven(backup, f"not tried: {_GIVE_UP_AFTER} before it in a row could not be verified"))
            continue
        try:
            proof = verify(backup)
            found.append(replace(proof, disregarded=checked.doubt) if checked and checked.doubt else proof)
            in_a_row = 0
        except (LitekeepError, OSError) as error:
            if isinstance(error, ObjectMissing) and _is_gone(store, backup):
                continue
            # A missing key concerns only this backup. Only an unreachable store or disk stops the rest.
            in_a_row += 0 if isinstance(error, KeyProblem) else 1
            found.append(Unproven(backup, _message_of(error)))
    return found


def verify_one(what: str, verify: Callable[[], Verification]) -> list[Verdict]:
    """Returns the verdict on one backup or file, in a list."""
    note("verify", f"{what} was not verified")
    verdict = verify()
    note("verify", f"{what} is {'good' if verdict.ok else 'NOT good'}")
    return [verdict]


def _so_far(found: Sequence[Verdict], total: int) -> str:
    """Returns the progress for the message of an interrupted run."""
    good = sum(isinstance(verdict, Verification) and verdict.ok for verdict in found)
    bad = sum(verdict.ok is False for verdict in found)
    return f"{count(total, 'backup')}: {good} proven good, {bad} found NOT good"


def _with_checked_seals(backup: Backup, look: Callable[[Backup], Backup] | None) -> Backup | None:
    """Returns the backup with its seals checked; None if that failed, and the verification will report why."""
    if look is None or not backup.verdicts:
        return backup
    try:
        found = look(backup)
    except (LitekeepError, OSError):
        return None
    return found if found.checked or found.damaged else None


def _is_known_good(backup: Backup, read_before: datetime | None) -> bool:
    known = backup.good and backup.verified is True and backup.verified_level == LEVEL
    return known and not _is_due(backup, read_before)


def _is_due(backup: Backup, read_before: datetime | None) -> bool:
    """Returns whether its last verification is older than `read_before`."""
    parsed = names.parse(backup.verdict.name) if backup.verdict else None
    at = parsed.verified_at if parsed else None
    return read_before is not None and (at is None or at < read_before)


def _is_gone(store: Store, backup: Backup) -> bool:
    """Returns whether the backup was deleted meanwhile."""
    try:
        return not is_stored(store, backup.name.manifest)
    except StoreError:
        return False


def _message_of(error: LitekeepError | OSError) -> str:
    return str(error) if isinstance(error, LitekeepError) else error.strerror or type(error).__name__
