"""Records an erasure: finds the closure in a schema, hashes the values, and appends an entry to the ledger."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from shared.clock import Clock, utc_now
from shared.errors import LitekeepError, ObjectExists, UsageError
from shared.keys import WrappingKey
from shared.model import report_names
from shared.operations.erasure.entry import MOST_VALUES, Erasure, Hasher, hash_values, too_long
from shared.operations.erasure.ledger import Ledger, append, copy_ledger, create_ledger, read_ledger
from shared.operations.erasure.plan import ErasurePlan, plan_erasure
from shared.operations.erasure.replay import count_matches
from shared.sqlite.connect import open_snapshot
from shared.stores import Store

_LONGEST_REASON = 500


@dataclass(frozen=True)
class EraseOptions:
    """Options of an erasure. `schema` is a private copy of the database with the current schema."""

    store: Store
    copy_store: Store | None
    key: WrappingKey | None
    database: str
    schema: Path
    table: str
    column: str
    values: Sequence[str]
    also: Sequence[str] = ()
    reason: str = ""
    by: str = ""


@dataclass(frozen=True)
class Recorded:
    """An erasure that was recorded, or would be.

    `remaining`: how many rows of the `schema` database have a value, by table and column. `object` and `sha256` are
    None if the entry is not stored; `copy_error` says why the copy store lacks it.
    """

    entry: Erasure
    plan: ErasurePlan
    remaining: dict[str, int]
    object: str | None = None
    sha256: str | None = None
    copy_error: str | None = None


def read_values(stream: TextIO) -> list[str]:
    """Reads values, one per line. Raises UsageError if there are none or too many, or if one is too long."""
    found: dict[str, None] = {}
    for line in stream:
        value = line.rstrip("\r\n")
        if too_long(value):
            raise UsageError(f"line {len(found) + 1} on stdin has more than 10,000 bytes: give one value per line")
        if value:
            found[value] = None
        if len(found) > MOST_VALUES:
            raise UsageError(f"stdin has more than {MOST_VALUES} values: record them in several erasures")
    if not found:
        raise UsageError("stdin has no value: give one per line, such as: echo 42 | litekeep erase …")
    return list(found)


def preview(options: EraseOptions, *, clock: Clock = utc_now) -> Recorded:
    """Returns what would be recorded. Writes nothing. Raises UsageError, NotErased, KeyProblem and StoreError."""
    ledger = read_ledger(options.store, options.key, options.copy_store)
    return _prepare(options, ledger or Ledger(secrets.token_bytes(68)), clock)


def record(options: EraseOptions, *, clock: Clock = utc_now) -> Recorded:
    """Stores the entry in the store, then in the copy store. Raises as `preview`, and ObjectExists after a race."""
    ledger = read_ledger(options.store, options.key, options.copy_store)
    if ledger is None:
        preview(options, clock=clock)  # wrong options must not leave an empty ledger behind
        try:
            ledger = create_ledger(options.store, options.key)
        except ObjectExists:
            ledger = read_ledger(options.store, options.key)
            assert ledger is not None, "another run has just created it"
    prepared = _prepare(options, ledger, clock)
    raw = append(options.store, ledger, prepared.entry)
    copy_error = None
    if options.copy_store is not None:
        try:
            copy_ledger(options.store, options.copy_store)
        except LitekeepError as error:
            copy_error = str(error)
    digest = hashlib.sha256(raw).hexdigest()
    return Recorded(
        prepared.entry,
        prepared.plan,
        prepared.remaining,
        report_names.erasure(prepared.entry.number),
        digest,
        copy_error,
    )


def find_entry(ledger: Ledger | None, erasure_id: str) -> Erasure:
    """Returns the entry with that id. Raises UsageError if there is none."""
    entries: Iterable[Erasure] = ledger.entries if ledger else ()
    for entry in entries:
        if entry.id == erasure_id:
            return entry
    raise UsageError(f"no erasure {erasure_id!r} is recorded in this store: use the id that litekeep erase printed")


def _prepare(options: EraseOptions, ledger: Ledger, clock: Clock) -> Recorded:
    """Makes the entry and counts its matches. Stores nothing. Raises UsageError."""
    reason = " ".join(options.reason.split())
    if len(reason) > _LONGEST_REASON:
        raise UsageError(f"--reason is longer than {_LONGEST_REASON} characters: give a shorter one")
    with closing(open_snapshot(options.schema)) as connection:
        plan = plan_erasure(connection, options.table, options.column, options.also)
    now, hasher = clock(), ledger.hasher
    hashes, coarse = _hashes(hasher, options, plan)
    entry = Erasure(
        id=f"erase-{now:%Y-%m-%d-%H%M%S}-{secrets.token_hex(2)}",
        number=len(ledger.entries) + 1,
        database=options.database,
        recorded_at=now,
        recorded_by=options.by,
        reason=reason,
        places=plan.places,
        links=plan.links,
        values=len(options.values),
        hashes=hashes,
        filter=coarse,
    )
    return Recorded(entry, plan, count_matches(options.schema, entry, hasher))


def _hashes(hasher: Hasher, options: EraseOptions, plan: ErasurePlan) -> tuple[list[str], list[int]]:
    return hash_values(hasher, options.values, fold=any(place.fold for place in plan.places))
