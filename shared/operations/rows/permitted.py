"""Checks a restore of rows against its approval."""

import json
from hashlib import sha256

from shared.approvals.actions import Value
from shared.errors import NotPermitted, ObjectMissing
from shared.model.manifest import LARGEST_MANIFEST
from shared.operations.restore.permitted import target_of
from shared.operations.rows.options import RowsOptions


def rows_plan(options: RowsOptions) -> dict[str, Value]:
    """Returns the plan that an approval is bound to. Keys are values of rows, so it has only their number and hash.

    Reads the stored manifest. Raises NotPermitted when it is gone.
    """
    name = options.backup.name
    try:
        with options.catalog.store.open(name.manifest) as stream:
            manifest = stream.read(LARGEST_MANIFEST + 1)
    except ObjectMissing:
        raise NotPermitted(f"{name.id} is gone: make a request for another backup") from None
    return {
        "backup_id": name.id,
        "database": name.database,
        "kind": name.kind.value,
        "manifest_sha256": sha256(manifest).hexdigest(),
        "table": options.table,
        "where": options.where,
        "keys": None if options.keys is None else len(options.keys),
        "keys_sha256": None if options.keys is None else sha256(json.dumps(options.keys).encode()).hexdigest(),
        "triggers": options.triggers,
        "in_place": True,
        **target_of(options.target),
    }


def check_rows_permit(options: RowsOptions) -> None:
    """Raises NotPermitted in production without a permit, or with one for another plan."""
    if options.permit is not None:
        options.permit.check(rows_plan(options))
    elif options.environment == "production":
        raise NotPermitted(
            f"restoring rows of {options.table} into {options.target.display} in production needs a second person's "
            "approval: ask with litekeep request rows where a policy names people, or restore the table beside it with "
            "litekeep restore --table, and copy the rows from there"
        )


def redeem_rows(options: RowsOptions) -> None:
    """Uses up the permit. Raises NotPermitted if it does not match the plan as of now."""
    if options.permit is not None:
        options.permit.redeem(rows_plan(options))
