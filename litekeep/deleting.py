"""Implements `litekeep delete`, by one person or by an approved request."""

from collections.abc import Callable
from hashlib import sha256

from shared.approvals.actions import Action, Value
from shared.catalog.backup import Backup
from shared.errors import NotGood
from shared.model.kinds import Kind
from shared.model.manifest import LARGEST_MANIFEST
from shared.model.names import BackupName
from shared.retention.removal import Removed, delete_backup
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.approvals import check_alone, emit_break_glass, permit_of
from shared.terminal.audit import audited
from shared.terminal.parts import event_log
from shared.terminal.screen import say, say_json
from shared.text import count, size

CheckPermission = Callable[[Backup], None]


def delete_plan(store: Store, name: BackupName, *, force: bool) -> dict[str, Value]:
    """Returns the plan that an approval of this deletion is bound to. Raises ObjectMissing if the backup is gone."""
    with store.open(name.manifest) as stream:
        manifest = stream.read(LARGEST_MANIFEST + 1)
    return {
        "backup_id": name.id,
        "database": name.database,
        "kind": name.kind.value,
        "manifest_sha256": sha256(manifest).hexdigest(),
        "force": force,
    }


def delete_alone(
    settings: Settings, backup_id: str, reason: str, database: str | None, *, force: bool, as_json: bool
) -> None:
    """Deletes a backup. Raises NotPermitted if the policy requires two persons."""

    def check_permission(_: Backup) -> None:
        how = f"litekeep request delete {backup_id} --reason R"
        check_alone(settings, ["delete"], f"deleting {backup_id}", how)

    _say(
        _delete(settings, backup_id, reason, database, check_permission, force=force, as_json=as_json), as_json=as_json
    )


def delete_requested(settings: Settings, request: str, *, as_json: bool) -> None:
    """Deletes the backup of an approved request. Raises NotPermitted if the request does not allow it."""
    permit = permit_of(settings, request, Action.DELETE)
    plan, store = permit.request.plan, open_store(settings.backup_store)
    try:
        name = BackupName(Kind(str(plan["kind"])), str(plan["database"]), str(plan["backup_id"]))
        force = plan["force"] is True
    except (KeyError, ValueError):
        raise NotGood(f"request {request} is incomplete: make a new one") from None
    log = event_log(settings, result_on_stdout=as_json)

    def check_permission(backup: Backup) -> None:
        permit.redeem(delete_plan(store, backup.name, force=force))
        emit_break_glass(log, permit, store.url)

    reason = f"{request}: {permit.request.reason}"
    _say(
        _delete(settings, name.manifest, reason, None, check_permission, force=force, as_json=as_json), as_json=as_json
    )


def _delete(
    settings: Settings,
    backup_id: str,
    reason: str,
    database: str | None,
    check_permission: CheckPermission,
    *,
    force: bool,
    as_json: bool,
) -> Removed:
    log, place = event_log(settings, result_on_stdout=as_json), open_store(settings.backup_store)
    with audited(
        log, settings, "delete", place.url, database=database, backup_id=backup_id, reason=reason
    ) as operation:

        def fill_in_and_check(backup: Backup) -> None:
            name = backup.name
            operation.database, operation.kind, operation.backup_id = name.database, name.kind, name.id
            check_permission(backup)

        return delete_backup(place, backup_id, database=database, force=force, check_allowed=fill_in_and_check)


def _say(gone: Removed, *, as_json: bool) -> None:
    if as_json:
        name = gone.backup
        say_json({"id": name.id, "database": name.database, "kind": name.kind.value, "freed_bytes": gone.size_bytes})
        return
    say(f"Deleted {gone.backup.id} of {gone.backup.database}: {count(gone.objects, 'object')}, {size(gone.size_bytes)}")
