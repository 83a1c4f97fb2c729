"""The invoice of a month: lines with quantity, price and amount, and a list of what is not counted.

Storage is the cost of the current objects for a month. Operations, retrieval and key operations are estimated for the
last 30 days from the listing: one write per object, and one read of a backup per verdict.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.operations.cost.prices import GIB, STANDARD, Prices
from shared.operations.cost.usage import Item, Usage

MONTH = timedelta(days=30)


@dataclass(frozen=True)
class Terms:
    """Quantities that are not in the listing. `key_versions` and `schedules` are left out if 0.

    `run_seconds` is the mean duration of a backup run, on `run_vcpus` and `run_gib`; runs are left out if it is None.
    """

    location: str = "us-central1"
    key_versions: int = 0
    schedules: int = 0
    run_seconds: float | None = None
    run_vcpus: float = 2
    run_gib: float = 4


@dataclass(frozen=True)
class InvoiceLine:
    what: str
    quantity: float
    unit: str
    price: float
    amount: float
    kind: str | None = None
    database: str | None = None
    storage_class: str | None = None


@dataclass(frozen=True)
class Invoice:
    currency: str
    lines: list[InvoiceLine]
    not_counted: list[str]
    in_30_days: float  # storage of a month in 30 days, at the current rate

    @property
    def monthly(self) -> float:
        return sum(line.amount for line in self.lines)

    def by(self, name: str) -> dict[str, float]:
        """Returns sums by `kind`, `database` or `storage_class`, without lines that have none."""
        sums: dict[str, float] = defaultdict(float)
        for line in self.lines:
            if (value := getattr(line, name)) is not None:
                sums[value] += line.amount
        return dict(sorted(sums.items()))


@dataclass
class _Missing:
    reasons: list[str] = field(default_factory=list)

    def __call__(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)


def make_invoice(usage: Usage, prices: Prices, terms: Terms, now: datetime) -> Invoice:
    """Computes the invoice. Raises UsageError for a location without prices."""
    missing, storage = _Missing(), prices.storage(terms.location)
    recent = [item for item in usage.items if now - MONTH < item.created_at <= now]
    lines = [
        *_stored("storage", usage.items, storage, missing),
        *_stored("soft-deleted storage", usage.deleted or [], storage, missing),
        *_operations(usage, recent, prices, missing),
        *_keys(recent, prices, terms, missing),
        *_jobs(recent, prices, terms, missing),
    ]
    if usage.deleted is None:
        missing("soft-deleted bytes: this store does not list them")
    missing("listings, reads by restores and drills, and data that leaves Google Cloud")
    return Invoice(prices.currency, lines, missing.reasons, _forecast(usage.items, recent, storage, now))


def _stored(what: str, items: Iterable[Item], storage: dict[str, float], missing: _Missing) -> Iterator[InvoiceLine]:
    sizes: Counter[tuple[str, str | None, str]] = Counter()
    for item in items:
        sizes[item.kind, item.database, item.storage_class] += item.size_bytes
    for (kind, database, storage_class), size in sorted(sizes.items(), key=str):
        price = storage.get(storage_class)
        if price is None:
            missing(f"{what} in {storage_class}: no price")
            continue
        yield InvoiceLine(what, size / GIB, "GiB", price, size / GIB * price, kind, database, storage_class)


def _operations(usage: Usage, recent: Iterable[Item], prices: Prices, missing: _Missing) -> Iterator[InvoiceLine]:
    writes: Counter[tuple[str, str | None]] = Counter()
    for item in recent:
        writes[item.kind, item.database] += 1
    price = prices.operations_per_1000.get(STANDARD)
    if price is None:
        missing("writes: no price")
    for (kind, database), count in sorted(writes.items(), key=str):
        if price is not None:
            amount = count / 1000 * price.write
            yield InvoiceLine("writes", count, "operations", price.write, amount, kind, database, STANDARD)
    yield from _reads(usage, recent, prices, missing)


def _reads(usage: Usage, recent: Iterable[Item], prices: Prices, missing: _Missing) -> Iterator[InvoiceLine]:
    """Yields lines for reads, assuming that each verdict read its backup's manifest and artifacts once."""
    of_backup: dict[object, list[Item]] = defaultdict(list)
    for item in usage.items:
        if item.role == "manifest" or item.is_artifact:
            of_backup[item.backup].append(item)
    counts: Counter[tuple[str, str | None, str]] = Counter()
    sizes: Counter[tuple[str, str | None, str]] = Counter()
    for verdict in (item for item in recent if item.role == "verdict"):
        for read in of_backup[verdict.backup]:
            counts[read.kind, read.database, read.storage_class] += 1
            sizes[read.kind, read.database, read.storage_class] += read.size_bytes
    for (kind, database, storage_class), count in sorted(counts.items(), key=str):
        price, retrieval = prices.operations_per_1000.get(storage_class), prices.retrieval_gib.get(storage_class)
        size = sizes[kind, database, storage_class] / GIB
        if price is None:
            missing(f"operations in {storage_class}: no price")
        else:
            amount = count / 1000 * price.read
            yield InvoiceLine("reads", count, "operations", price.read, amount, kind, database, storage_class)
        if retrieval is None:
            missing(f"retrieval from {storage_class}: no price")
        elif retrieval:
            yield InvoiceLine("retrieval", size, "GiB", retrieval, size * retrieval, kind, database, storage_class)


def _keys(recent: Iterable[Item], prices: Prices, terms: Terms, missing: _Missing) -> Iterator[InvoiceLine]:
    if not terms.key_versions:
        return
    if prices.key_version_month is None or prices.key_operations_per_10000 is None:
        missing("Cloud KMS: no price")
        return
    each = prices.key_version_month
    yield InvoiceLine("key versions", terms.key_versions, "versions", each, terms.key_versions * each)
    operations: Counter[tuple[str, str | None]] = Counter()
    for item in recent:  # a backup wraps once, a verification unwraps once
        operations[item.kind, item.database] += item.role in ("manifest", "verdict")
    price = prices.key_operations_per_10000
    for (kind, database), count in sorted(operations.items(), key=str):
        if count:
            yield InvoiceLine("key operations", count, "operations", price, count / 10_000 * price, kind, database)


def _jobs(recent: Iterable[Item], prices: Prices, terms: Terms, missing: _Missing) -> Iterator[InvoiceLine]:
    if terms.schedules and prices.schedule_month is None:
        missing("Cloud Scheduler: no price")
    elif terms.schedules and prices.schedule_month is not None:
        billed = max(0, terms.schedules - prices.schedules_free)
        yield InvoiceLine("schedules", billed, "schedules", prices.schedule_month, billed * prices.schedule_month)
    if terms.run_seconds is None:
        missing("Cloud Run: the listing does not say how long runs take; name it with --run-seconds")
        return
    if prices.run_vcpu_second is None or prices.run_gib_second is None:
        missing("Cloud Run: no price")
        return
    runs = Counter(item.kind for item in recent if item.role == "manifest")
    seconds = sum(runs.values()) * terms.run_seconds
    cpu = max(0.0, seconds * terms.run_vcpus - prices.run_free_vcpu_seconds) * prices.run_vcpu_second
    memory = max(0.0, seconds * terms.run_gib - prices.run_free_gib_seconds) * prices.run_gib_second
    for kind, count in sorted(runs.items()):
        share = count / sum(runs.values())
        yield InvoiceLine("runs", count * terms.run_seconds, "seconds", 0, (cpu + memory) * share, kind)
    missing("Cloud Run of other jobs than backups")


def _forecast(items: Iterable[Item], recent: Iterable[Item], storage: dict[str, float], now: datetime) -> float:
    """Estimates the monthly storage cost in 30 days: objects kept beyond then, and new ones at the current rate."""
    later, everything = now + MONTH, list(items)
    first = min((item.created_at for item in everything), default=now)
    days = max(1.0, min(30.0, (now - first).total_seconds() / 86400))
    stays = sum(
        item.size_bytes / GIB * storage.get(item.storage_class, 0)
        for item in everything
        if item.keep_until is None or item.keep_until > later
    )
    comes = 0.0
    for item in recent:
        kept = 30.0 if item.keep_until is None else (item.keep_until - item.created_at).total_seconds() / 86400
        comes += item.size_bytes / GIB * storage.get(STANDARD, 0) * min(30.0, kept) / days
    return stays + comes
