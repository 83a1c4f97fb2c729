"""Checks a restore against its approval: when it starts, and again right before anything is changed."""

import hashlib

from shared.approvals.actions import Value
from shared.databases.location import Location
from shared.errors import NotPermitted, ObjectMissing
from shared.model.manifest import LARGEST_MANIFEST
from shared.operations.restore.options import RestoreOptions


def plan_of(options: RestoreOptions, manifest: bytes) -> dict[str, Value]:
    """Returns the plan that an approval is bound to, without credentials. `manifest`: its bytes as stored."""
    name = options.backup.name
    return {
        "backup_id": name.id,
        "database": name.database,
        "kind": name.kind.value,
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "in_place": options.in_place,
        "any_source": options.any_source,
        "verify": "full" if options.prove_again else options.prove,
        "schema_only": options.schema_only,
        "tables": sorted(options.tables),
        "upload_replace": options.in_one_step,
        "without_erasures": options.erasures.without,
        "absent": sorted(options.erasures.absent),
        **target_of(options.target),
    }


def target_of(target: Location) -> dict[str, Value]:
    """Returns the target as it resolves on this machine: the same path elsewhere is another target."""
    where, host = target.resolved
    return {"target": where, "target_host": host}


def check_permit(options: RestoreOptions, manifest: bytes) -> None:
    """Raises NotPermitted for a restore over live data in production without a permit, or with one for another plan."""
    if options.permit is not None:
        options.permit.check(plan_of(options, manifest))
    elif options.in_place and options.environment == "production":
        raise NotPermitted(
            f"restoring over {options.target.display} in production needs a second person's approval: ask with "
            f"litekeep request restore --backup {options.backup.name.id} --in-place --reason R where a policy names "
            f"people, or restore beside it with --to {options.target.display}.restored, check it, and switch the "
            "application over"
        )


def redeem(options: RestoreOptions) -> None:
    """Uses up the permit. Raises NotPermitted if the stored manifest, read again, is not the approved one."""
    if options.permit is None:
        return
    try:
        with options.catalog.store.open(options.backup.name.manifest) as stream:
            manifest = stream.read(LARGEST_MANIFEST + 1)
    except ObjectMissing:
        raise NotPermitted(f"{options.backup.name.id} was deleted after its approval: nothing was changed") from None
    options.permit.redeem(plan_of(options, manifest))
