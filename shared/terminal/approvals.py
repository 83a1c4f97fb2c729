"""Opens the approval desk from settings, and refuses actions that need a second person."""

from typing import TYPE_CHECKING

from shared.errors import NotPermitted, UsageError
from shared.events.log import Event, EventLog, Field
from shared.model.request_names import POLICIES, parse_request_object, request_prefix
from shared.policy.place import policy_path
from shared.settings import Settings
from shared.stores import Store, open_store

if TYPE_CHECKING:
    from shared.approvals.actions import Action
    from shared.approvals.desk import Desk, Permit
    from shared.approvals.documents import Request
    from shared.policy.file import Action as Guarded
    from shared.policy.file import PolicyFile
    from shared.statements.envelope import Signer


def desk_of(settings: Settings) -> "Desk":
    """Returns the approval desk. Raises NotPermitted if approvals are not in force, UsageError for a wrong policy."""
    from shared.approvals.desk import Desk  # noqa: PLC0415 - only where approvals are asked about

    return Desk(_mounted(settings), _stores(settings))


def signer_of(settings: Settings) -> "Signer":
    """Returns the key of BACKUP_SIGNING_KEY. Raises UsageError if it is not set, KeyProblem."""
    if settings.backup_signing_key is None:
        raise UsageError(
            "BACKUP_SIGNING_KEY is not set: set it to your own file:PATH (litekeep keygen --signing PATH makes one) or "
            "gcp-kms://…/cryptoKeyVersions/N"
        )
    from shared.keys.signing import open_signer  # noqa: PLC0415 - as above

    return open_signer(settings.backup_signing_key)


def permit_of(settings: Settings, request_id: str, *actions: "Action") -> "Permit":
    """Returns the permit of the request for one of the actions. Raises NotPermitted if it allows none of them."""
    signer = signer_of(settings) if settings.backup_signing_key else None
    permit = desk_of(settings).permit(request_id, actions, signer)
    _check_not_removed(_stores(settings)[0], request_id)
    return permit


def _check_not_removed(store: Store, request_id: str) -> None:
    """Raises NotPermitted if a checkpoint covers a use or a refusal of the request that is no longer stored."""
    from shared.audit.kept import kept_before  # noqa: PLC0415 - as above

    for name in sorted(kept_before(store, request_prefix(request_id))):
        found = parse_request_object(name)
        if found is not None and found.role in ("used", "refused"):
            raise NotPermitted(
                f"cannot carry out {request_id}: by the audit trail it was {found.role}, and {name} was removed since: "
                "see litekeep audit verify, and make a new request"
            )


def emit_break_glass(log: EventLog, permit: "Permit | None", target: str) -> None:
    """Emits the break-glass event if the permit was approved by an offline key alone."""
    if permit is None or not permit.break_glass:
        return
    fields = fields_of(permit.request, "break-glass") | {"target": target}
    log.emit(
        Event.RESTORE_BREAK_GLASS, f"{permit.request.action} of {target}, approved by an offline key alone", fields
    )


def fields_of(request: "Request", person: str) -> dict[str, Field]:
    """Returns the event fields of a request."""
    plan = request.plan
    named = {"database": plan.get("database"), "backup_id": plan.get("backup_id"), "kind": plan.get("kind")}
    return {
        "request": request.id,
        "person": person,
        "action": request.action.value,
        "target": str(plan.get("target") or request.stores[0]),
        "reason": request.reason,
        **{name: value for name, value in named.items() if isinstance(value, str)},
    }


def check_alone(settings: Settings, actions: "list[Guarded]", what: str, how: str) -> None:
    """Raises NotPermitted if the policy requires two persons for one of the actions.

    Also raises it if a store was used under a policy that is not in force here. `what` is the refused operation and
    `how` the command that requests it, for the error line.
    """
    mounted = _mounted(settings)
    if mounted is not None and any(mounted.policy.needs_two(action) for action in actions):
        raise NotPermitted(f"{what} needs two persons by the policy: ask with {how}, have it approved by another")
    stores = _stores(settings)
    if mounted is None and not any(_has_policies(store) for store in stores):
        return
    from shared.approvals.anchor import check_in_force  # noqa: PLC0415 - as above

    check_in_force(mounted, stores)


def _has_policies(store: Store) -> bool:
    return any(True for _ in store.list_objects(POLICIES))


def _mounted(settings: Settings) -> "PolicyFile | None":
    if policy_path(settings.backup_policy) is None:
        return None
    from shared.policy.file import read_policy_in_force  # noqa: PLC0415 - as above

    return read_policy_in_force(settings.backup_policy)


def _stores(settings: Settings) -> list[Store]:
    urls = [settings.backup_store, *([settings.backup_copy_store] if settings.backup_copy_store else [])]
    return [open_store(url) for url in urls]
