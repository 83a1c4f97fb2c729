"""The report of an erasure for a data protection officer: what was recorded, which backups have the data, how long."""

from collections.abc import Sequence
from typing import Any

from shared.catalog.listing import Catalog
from shared.clock import rfc3339
from shared.operations.erasure.entry import Erasure
from shared.operations.erasure.ledger import Ledger
from shared.stores import Store


def report(ledger: Ledger, entry: Erasure, stores: Sequence[Store]) -> dict[str, Any]:
    """Returns the report as a JSON document, without values and hashes. Raises StoreError."""
    return {
        "id": entry.id,
        "database": entry.database,
        "recorded_at": rfc3339(entry.recorded_at),
        "recorded_by": entry.recorded_by,
        "reason": entry.reason,
        "values": entry.values,
        "places": [f"{place.table}.{place.column}" for place in entry.places],
        "closure": [
            {
                "table": link.child,
                "columns": link.child_columns,
                "refers_to": f"{link.parent}.{', '.join(link.parent_columns)}",
                "rows_are": "deleted" if link.action == "delete" else f"set to {link.action}",
            }
            for link in entry.links
        ],
        "ledger": {"number": entry.number, "of": len(ledger.entries), "sha256": ledger.heads[entry.number - 1]},
        "stores": [_in_store(store, entry) for store in stores],
    }


def _in_store(store: Store, entry: Erasure) -> dict[str, Any]:
    """Describes the backups of a store that were taken before the erasure and may have the data."""
    older = [
        backup
        for backup in Catalog(store).backups(database=entry.database)
        if entry.concerns(backup.name.database, backup.began_at) and backup.erased_through < entry.number
    ]
    ends = [moment for backup in older if (moment := backup.keep_until) is not None]
    return {
        "store": store.url,
        "backups_taken_before": len(older),
        "of_these_held": sum(backup.hold is not None for backup in older),
        "kept_until": rfc3339(max(ends)) if ends else None,
    }
