"""What of a restore an approval is held to, and when: at its start, and once more right before anything is touched."""

import hashlib

from shared.approvals.documents import Value
from shared.databases.location import Location
from shared.errors import NotPermitted, ObjectMissing
from shared.model.manifest import LARGEST_MANIFEST
from shared.operations.restore.order import RestoreOrder


def plan_of(order: RestoreOrder, manifest: bytes) -> dict[str, Value]:
    """All that decides what is written where, without credentials. `manifest` is as it was read."""
    name = order.backup.name
    return {
        "backup_id": name.id,
        "database": name.database,
        "kind": name.kind.value,
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "in_place": order.in_place,
        "any_source": order.any_source,
        "verify": "full" if order.prove_again else order.prove,
        "schema_only": order.schema_only,
        "tables": sorted(order.tables),
        "upload_replace": order.in_one_step,
        "without_erasures": order.erasures.without,
        "absent": sorted(order.erasures.absent),
        **target_of(order.target),
    }


def target_of(target: Location) -> dict[str, Value]:
    """A target as it resolves here: the same path on another machine is another target."""
    where, host = target.resolved
    return {"target": where, "target_host": host}


def check_permit(order: RestoreOrder, manifest: bytes) -> None:
    """Raises NotPermitted over live data in production without a permit, or with one for something else."""
    if order.permit is not None:
        order.permit.check(plan_of(order, manifest))
    elif order.in_place and order.environment == "production":
        raise NotPermitted(
            f"restoring over {order.target.display} in production needs a second person's approval: ask with litekeep "
            f"request restore --backup {order.backup.name.id} --in-place --reason R where a policy names people, or "
            f"restore beside it with --to {order.target.display}.restored, check it, and switch the application over"
        )


def redeem(order: RestoreOrder) -> None:
    """Uses the permit up, once the manifest of now, read anew by its name, is still the one that was approved."""
    if order.permit is None:
        return
    try:
        with order.catalog.store.open(order.backup.name.manifest) as stream:
            manifest = stream.read(LARGEST_MANIFEST + 1)
    except ObjectMissing:
        raise NotPermitted(f"{order.backup.name.id} is gone since it was approved, and nothing was touched") from None
    order.permit.redeem(plan_of(order, manifest))
