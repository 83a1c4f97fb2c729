"""Recording an erasure: the closure by a schema, keyed hashes of the values, and one more entry in the ledger."""

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
class EraseOrder:
    """`schema` is a private copy of the database whose schema counts; `values` are never stored."""

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
    """`still_there`: rows of the schema's database that hold a value now, by table.

    `object` and `sha256` are None before the entry is stored; `copy_error` says why the copy store lacks it.
    """

    entry: Erasure
    plan: ErasurePlan
    still_there: dict[str, int]
    object: str | None = None
    sha256: str | None = None
    copy_error: str | None = None


def read_values(stream: TextIO) -> list[str]:
    """The values, one a line. Raises UsageError for none, too many, or one that is too long."""
    found: dict[str, None] = {}
    for line in stream:
        value = line.rstrip("\r\n")
        if too_long(value):
            raise UsageError(f"line {len(found) + 1} on stdin has more than 10,000 bytes: give one value a line")
        if value:
            found[value] = None
        if len(found) > MOST_VALUES:
            raise UsageError(f"stdin has more than {MOST_VALUES} values: record them in several erasures")
    if not found:
        raise UsageError("stdin has no value: give one a line, such as: echo 42 | litekeep erase …")
    return list(found)


def preview(order: EraseOrder, *, clock: Clock = utc_now) -> Recorded:
    """What would be recorded. Writes nothing. Raises UsageError, NotErased, KeyProblem, StoreError."""
    ledger = read_ledger(order.store, order.key, order.copy_store)
    return _made(order, ledger or Ledger(secrets.token_bytes(68)), clock)


def record(order: EraseOrder, *, clock: Clock = utc_now) -> Recorded:
    """Stores the entry in the store, then in the copy store. Raises as `preview`, and ObjectExists for a race."""
    ledger = read_ledger(order.store, order.key, order.copy_store)
    if ledger is None:
        preview(order, clock=clock)  # what is wrong with the order must not leave a ledger behind
        try:
            ledger = create_ledger(order.store, order.key)
        except ObjectExists:
            ledger = read_ledger(order.store, order.key)
            assert ledger is not None, "somebody has just made it"
    made = _made(order, ledger, clock)
    raw = append(order.store, ledger, made.entry)
    copy_error = None
    if order.copy_store is not None:
        try:
            copy_ledger(order.store, order.copy_store)
        except LitekeepError as error:
            copy_error = str(error)
    digest = hashlib.sha256(raw).hexdigest()
    return Recorded(
        made.entry, made.plan, made.still_there, report_names.erasure(made.entry.number), digest, copy_error
    )


def find_entry(ledger: Ledger | None, erasure_id: str) -> Erasure:
    """The entry of that id. Raises UsageError when there is none."""
    entries: Iterable[Erasure] = ledger.entries if ledger else ()
    for entry in entries:
        if entry.id == erasure_id:
            return entry
    raise UsageError(f"no erasure {erasure_id!r} is recorded in this store: the id is what litekeep erase printed")


def _made(order: EraseOrder, ledger: Ledger, clock: Clock) -> Recorded:
    reason = " ".join(order.reason.split())
    if len(reason) > _LONGEST_REASON:
        raise UsageError(f"--reason is longer than {_LONGEST_REASON} characters")
    with closing(open_snapshot(order.schema)) as connection:
        plan = plan_erasure(connection, order.table, order.column, order.also)
    now, hasher = clock(), ledger.hasher
    hashes, coarse = _hashed(hasher, order, plan)
    entry = Erasure(
        id=f"erase-{now:%Y-%m-%d-%H%M%S}-{secrets.token_hex(2)}",
        number=len(ledger.entries) + 1,
        database=order.database,
        recorded_at=now,
        recorded_by=order.by,
        reason=reason,
        places=plan.places,
        links=plan.links,
        values=len(order.values),
        hashes=hashes,
        filter=coarse,
    )
    return Recorded(entry, plan, count_matches(order.schema, entry, hasher))


def _hashed(hasher: Hasher, order: EraseOrder, plan: ErasurePlan) -> tuple[list[str], list[int]]:
    return hash_values(hasher, order.values, fold=any(place.fold for place in plan.places))
