"""Approved requests for restores, and the check for restores that need one."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.approvals.actions import Action, Value
from shared.errors import NotGood, UsageError
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.settings import Settings
from shared.terminal.approvals import check_alone, permit_of
from shared.terminal.flags import RestoreFlags, flag_name, given_flags

if TYPE_CHECKING:
    from shared.approvals.desk import Permit
    from shared.policy.file import Action as Guarded

_MAY_GO_ALONG = ("request", "store", "dry_run")


def flags_of_request(settings: Settings, flags: RestoreFlags) -> "tuple[RestoreFlags, Permit]":
    """Returns the flags that the request of `flags` describes, and its permit.

    Raises UsageError for other flags together with --request, NotPermitted if the request does not allow a restore.
    """
    for name in given_flags(flags):
        if name not in _MAY_GO_ALONG:
            what = f"{flag_name(name)} does not go with --request"
            raise UsageError(f"{what}, which defines the whole restore: leave it out")
    permit = permit_of(settings, flags.request or "", Action.RESTORE, Action.NATIVE)
    plan = permit.request.plan
    try:
        meant = _native(plan) if permit.request.action is Action.NATIVE else _restore(plan)
    except (KeyError, ValueError):
        raise NotGood(f"request {permit.request.id} is incomplete: make a new one") from None
    return replace(flags, **meant), permit


def _restore(plan: dict[str, Value]) -> dict[str, Any]:
    name = BackupName(Kind(str(plan["kind"])), str(plan["database"]), str(plan["backup_id"]))
    return {
        "ref": name.manifest,
        "database": plan["database"] if plan["any_source"] else None,
        "to": None if plan["in_place"] else plan["target"],
        "in_place": plan["in_place"],
        "prove": plan["verify"],
        "schema_only": plan["schema_only"],
        "tables": tuple(map(str, plan["tables"])) if isinstance(plan["tables"], list) else (),
        "upload_replace": plan["upload_replace"],
        "without_erasures": plan["without_erasures"],
        "absent": tuple(map(str, plan["absent"])) if isinstance(plan["absent"], list) else (),
    }


def _native(plan: dict[str, Value]) -> dict[str, Any]:
    return {"native": True, "at": plan["at"], "database": plan["database"]}


def check_restore_alone(settings: Settings, target: str, *, in_place: bool, dry_run: bool = False) -> None:
    """Checks a restore without a request. Raises NotPermitted if the policy requires two persons for it.

    A dry run needs one only in a job, which has the credentials of production.
    """
    actions: list[Guarded] = []
    if in_place and not dry_run:
        actions.append("in_place")
    if settings.cloud_run_job is not None:
        actions.append("job")
    elif not in_place and not dry_run:
        actions.append("beside")
    if actions:
        how = f"litekeep request restore {'--in-place' if in_place else '--to URL'} --reason R"
        check_alone(settings, actions, f"restoring {'over' if in_place else 'to'} {target}", how)
