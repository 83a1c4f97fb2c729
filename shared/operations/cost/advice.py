"""Monthly savings of possible changes, and their disadvantages. Changes that would cost more are listed too."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.model.names import Format
from shared.operations.cost.invoice import MONTH
from shared.operations.cost.lifecycle import MOVE_AFTER, cold_class, life_cost
from shared.operations.cost.prices import GIB, STANDARD, Prices
from shared.operations.cost.usage import OTHER, Item, Usage
from shared.text import count

_LEAST = 0.005  # smaller savings are not listed


@dataclass(frozen=True)
class Advice:
    """A possible change. `saves_monthly` is negative if it costs more than it saves."""

    change: str
    saves_monthly: float
    note: str


def advise(usage: Usage, prices: Prices, location: str, now: datetime) -> list[Advice]:
    """Returns possible changes, the largest saving first. Raises UsageError for a location without prices."""
    storage = prices.storage(location)
    by_kind: dict[str, list[Item]] = defaultdict(list)
    for item in usage.items:
        if item.kind != OTHER:
            by_kind[item.kind].append(item)
    found = [
        *(each for kind, items in by_kind.items() for each in _class_of(kind, items, storage, prices, now)),
        *(each for kind, items in by_kind.items() for each in _retention_of(kind, items, storage, now)),
        *_formats(usage.items, storage),
        *_soft_delete(usage, storage),
    ]
    return sorted(found, key=lambda each: -each.saves_monthly)


def _class_of(
    kind: str, items: list[Item], storage: dict[str, float], prices: Prices, now: datetime
) -> Iterator[Advice]:
    """Yields advice on moving artifacts of a kind to another class after 30 days, at the rate of the last 30 days.

    Covers the class that Terraform sets, classes that would save more, and classes that would cost more.
    """
    artifacts = [item for item in items if item.is_artifact]
    kept = _kept_days(artifacts)
    recent = sum(item.size_bytes for item in artifacts if now - MONTH < item.created_at <= now) / GIB
    if kept is None or not recent:
        return
    wanted = cold_class(kept, prices.least_days)
    standard = life_cost(kept, storage, prices.least_days, STANDARD)
    usual = life_cost(kept, storage, prices.least_days, wanted) if wanted in storage else standard
    for name in sorted(storage, key=lambda each: prices.least_days.get(each, 0)):
        if name == STANDARD or name not in prices.least_days:
            continue
        cost = life_cost(kept, storage, prices.least_days, name)
        saves = recent * (standard - cost)
        if name == wanted:
            note = f"kept {kept:g} d: {kept - MOVE_AFTER:g} d remain, at least {prices.least_days[name]} are billed"
            yield Advice(f"{kind}: move artifacts to {name} after {MOVE_AFTER} d (as Terraform does)", saves, note)
        elif kept > MOVE_AFTER and cost < min(usual, standard):
            retrieval = prices.retrieval_gib.get(name)
            read = "an unknown price" if retrieval is None else f"{retrieval:g} a GiB"
            note = f"though {prices.least_days[name]} d are billed for {kept - MOVE_AFTER:g}; reading it costs {read}"
            yield Advice(f"{kind}: move artifacts to {name} after {MOVE_AFTER} d", saves, note)
        elif kept > MOVE_AFTER and saves < 0:
            note = f"does not pay: {kept - MOVE_AFTER:g} d remain and {prices.least_days[name]} are billed"
            yield Advice(f"{kind}: move artifacts to {name} after {MOVE_AFTER} d", saves, note)


def _retention_of(kind: str, items: list[Item], storage: dict[str, float], now: datetime) -> Iterator[Advice]:
    kept = _kept_days(items)
    if kept is None or kept < 2:
        return
    half = kept / 2
    older = [item for item in items if now - item.created_at > timedelta(days=half)]
    saves = sum(item.size_bytes / GIB * storage.get(item.storage_class, 0) for item in older)
    if saves >= _LEAST:
        gone = len({item.backup for item in older})
        note = (
            f"{count(gone, 'backup')} would be deleted: "
            f"backups of this kind older than {half:g} days could not be restored"
        )
        yield Advice(f"{kind}: keep for {half:g} d instead of {kept:g} d", saves, note)


def _formats(items: list[Item], storage: dict[str, float]) -> Iterator[Advice]:
    both: dict[object, set[str]] = defaultdict(set)
    for item in items:
        if item.role in (Format.SQL, Format.SQLITE):  # not page indexes and changed pages
            both[item.backup].add(item.role)
    notes = {
        Format.SQL: "restores and verifications would depend on the page image alone",
        Format.SQLITE: "restores would load SQL, which takes several times as long, and lose what SQL cannot represent",
    }
    for form, other in ((Format.SQL, Format.SQLITE), (Format.SQLITE, Format.SQL)):
        twice = [item for item in items if item.role == form and len(both[item.backup]) > 1]
        saves = sum(item.size_bytes / GIB * storage.get(item.storage_class, 0) for item in twice)
        if saves >= _LEAST:
            yield Advice(f"BACKUP_FORMATS={other}: store no {form}", saves, notes[form])


def _soft_delete(usage: Usage, storage: dict[str, float]) -> Iterator[Advice]:
    saves = sum(item.size_bytes / GIB * storage.get(item.storage_class, 0) for item in usage.deleted or [])
    if saves >= _LEAST:
        note = "objects deleted by mistake or by an attacker could not be recovered"
        yield Advice("soft delete off", saves, note)


def _kept_days(items: list[Item]) -> float | None:
    """Returns how many days a kind is kept, by its newest manifest, or None if unknown."""
    known = [item for item in items if item.keep_until is not None]
    if not known:
        return None
    newest = max(known, key=lambda item: item.created_at)
    assert newest.keep_until is not None
    return round((newest.keep_until - newest.created_at).total_seconds() / 86400)
