"""Verifying many backups: each is reported, and one that cannot be reached does not hide the others."""

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

_GIVE_UP_AFTER = 5  # in a row; the store or the key is out of order then, and each attempt takes its time


@dataclass(frozen=True)
class KnownGood:
    """A backup that was found good at the same level before."""

    backup: Backup

    @property
    def ok(self) -> bool:
        return True

    @property
    def id(self) -> str:
        return self.backup.name.id

    @property
    def verified_on(self) -> str:
        """When that was, RFC 3339."""
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
    """A backup of which nothing can be said: the store, the key or the disk refused."""

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
    """A database without a backup that could be the wanted one. `unproven`: it has good ones, but none was verified."""

    database: str
    unproven: bool = False

    @property
    def ok(self) -> bool:
        return False

    @property
    def error(self) -> str:
        if self.unproven:
            return f"no backup of {self.database} was verified: run litekeep verify --database {self.database}"
        listed = f"litekeep list --database {self.database}"
        return f"no backup of {self.database} that is good as far as is known: see {listed}"

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
    """A verdict for each backup, in the order given.

    Not read again are those that were found good at the same level, unless `again`, and only while their sizes are as
    stored, `look` (with the key) finds the seals of manifest and verdict to hold, and that verdict is not older than
    `read_before`. Those that are deleted meanwhile are left out.
    One that was found wanting is always looked at again: it may have been brought back. After five in a row that could
    not be judged, the rest is not tried.
    """
    found: list[Verdict] = []
    in_a_row = 0
    note("verify", lambda: _so_far(found, len(backups)))
    for backup in backups:
        looked = backup if again else _looked_at(backup, look)
        if not again and looked is not None and _is_known_good(looked, read_before):
            found.append(KnownGood(looked))
            continue
        if in_a_row >= _GIVE_UP_AFTER:
            found.append(Unproven(backup, f"not tried: {_GIVE_UP_AFTER} before it in a row could not be verified"))
            continue
        try:
            proof = verify(backup)
            found.append(replace(proof, disregarded=looked.doubt) if looked and looked.doubt else proof)
            in_a_row = 0
        except (LitekeepError, OSError) as error:
            if isinstance(error, ObjectMissing) and _is_gone(store, backup):
                continue
            # A key that one backup names says nothing of the others: only what is out of reach stops the rest.
            in_a_row += 0 if isinstance(error, KeyProblem) else 1
            found.append(Unproven(backup, _said(error)))
    return found


def verify_one(what: str, verify: Callable[[], Verification]) -> list[Verdict]:
    """The verdict on one backup or file."""
    note("verify", f"{what} was not proven")
    verdict = verify()
    note("verify", f"{what} is {'good' if verdict.ok else 'NOT good'}")
    return [verdict]


def _so_far(found: Sequence[Verdict], total: int) -> str:
    """For whoever interrupts."""
    good = sum(isinstance(verdict, Verification) and verdict.ok for verdict in found)
    bad = sum(verdict.ok is False for verdict in found)
    return f"{count(total, 'backup')}: {good} proven good, {bad} found NOT good"


def _looked_at(backup: Backup, look: Callable[[Backup], Backup] | None) -> Backup | None:
    """Returns the backup as the key shows it; None if it cannot be opened: its verification says why."""
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
    """Returns whether its last verification is so old that it is to be read again."""
    parsed = names.parse(backup.verdict.name) if backup.verdict else None
    at = parsed.verified_at if parsed else None
    return read_before is not None and (at is None or at < read_before)


def _is_gone(store: Store, backup: Backup) -> bool:
    """Returns whether a cleanup took the whole backup while we were at work."""
    try:
        return not is_stored(store, backup.name.manifest)
    except StoreError:
        return False


def _said(error: LitekeepError | OSError) -> str:
    return str(error) if isinstance(error, LitekeepError) else error.strerror or type(error).__name__
