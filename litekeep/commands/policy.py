"""`litekeep policy`"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.terminal.options import common
from shared.terminal.screen import say, say_json

if TYPE_CHECKING:
    from shared.policy.file import Policy, PolicyFile

_file = click.argument("file", required=False, type=click.Path(path_type=Path))


@click.group()
def policy() -> None:
    """Check, show or sign the policy file, which takes precedence over settings and flags.

    \b
    Example:
      litekeep policy check
    """


@policy.command()
@_file
@common
def check(as_json: bool, file: Path | None) -> int:
    """Check the policy file, or FILE: whether it is valid and in force, and who has signed it.

    \b
    Examples:
      litekeep policy check
      litekeep policy check draft.json
    """
    from shared.policy.file import lacking_signatures

    found, path, in_force = _found(file)
    signed_by = found.signers(found.policy.people) if found else []
    lacking = lacking_signatures(found) if found else None
    digest = found.digest if found else None
    if as_json:
        document = {"in_force": in_force, "path": path, "sha256": digest, "signed_by": signed_by, "lacking": lacking}
        say_json(document | {"approvals": bool(found and found.policy.people)})
    elif found is None:
        say("No policy file: only settings and flags decide what a run may do")
    else:
        say(f"{path} is {'in force, and is valid' if in_force else 'valid'}")
        say(f"  sha256 {digest}")
        say(f"  signed by {', '.join(signed_by) or 'nobody'}")
        if lacking:
            say(f"  not ready: {lacking}")
    return 1 if lacking else 0


@policy.command()
@_file
@common
def show(as_json: bool, file: Path | None) -> None:
    """Show the policy in force, or the one in FILE.

    \b
    Example:
      litekeep policy show --json
    """
    found, path, _ = _found(file)
    if as_json:
        say_json({"path": path, "policy": None if found is None else found.policy.model_dump()})
    elif found is None:
        say("No policy file")
    else:
        _say(found, path)


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The signed file; an existing file is not overwritten.",
)
@common
def sign(as_json: bool, file: Path, output: Path) -> int:
    """Sign the policy in FILE with BACKUP_SIGNING_KEY.

    The first policy must be signed by everybody it names. A later one names the SHA-256 of its predecessor, and must be
    signed by two people of that one.

    \b
    Example:
      litekeep policy sign draft.json --output signed-by-ana.json
    """
    from litekeep.policy_signing import sign_policy
    from shared.settings import read_settings

    done = sign_policy(read_settings(), file, output, as_json=as_json)
    if as_json:
        say_json({"path": str(output), "sha256": done.digest, "signed_by": done.signed_by, "lacking": done.lacking})
    else:
        say(f"Signed {file} into {output}, sha256 {done.digest}")
        say(f"  signed by {', '.join(done.signed_by)}")
        say(f"  {f'not ready: {done.lacking}' if done.lacking else 'put it where the policy is mounted'}")
    return 0


def _found(file: Path | None) -> "tuple[PolicyFile | None, str | None, bool]":
    """Returns the policy, its path, and whether it is in force."""
    from shared.policy.file import read_policy_file, read_policy_in_force
    from shared.policy.place import policy_path
    from shared.settings import read_settings

    if file is not None:
        return read_policy_file(file), str(file), False
    wanted = read_settings().backup_policy
    found = read_policy_in_force(wanted)
    return found, None if found is None else str(policy_path(wanted)), found is not None


def _say(found: "PolicyFile", path: str | None) -> None:
    policy = found.policy
    say(f"{path}: environment {policy.environment}")
    for name in ("stores", "keys", "sources", "targets"):
        say(f"  {name}: {', '.join(getattr(policy, name)) or 'none are allowed'}")
    for action, what in _RULES.items():
        say(f"  {what}: {_needed(policy, action)}")
    for person in policy.people:
        say(f"  person: {person.name}, key {_id(person.key)}{'' if person.name in _signers(found) else ', not signed'}")
    if policy.console:
        decides = "requests and decisions" if policy.console.may_decide else "requests"
        say(f"  console: key {_id(policy.console.key)}, attests {decides} of {', '.join(policy.console.may_attest)}")
    if policy.verifier:
        say(f"  verifier: key {_id(policy.verifier.key)}")
    if policy.monitor:
        say(f"  monitor: key {_id(policy.monitor.key)}")
    for pem in policy.break_glass.keys if policy.break_glass else []:
        say(f"  break glass: key {_id(pem)} approves alone")
    say(f"  follows: {policy.predecessor or 'none, it is the first'}")
    say(f"  sha256: {found.digest}")


_RULES: dict[Any, str] = {
    "in_place": "restore in place",
    "job": "restore by a job",
    "beside": "restore beside",
    "delete": "delete of a protected backup",
    "cleanup_force": "cleanup --force",
}


def _needed(policy: "Policy", action: Any) -> str:
    if policy.needs_two(action):
        return "two persons"
    if action == "in_place" and policy.environment == "production":
        return "refused, because the policy names no people"
    return "one person"


def _signers(found: "PolicyFile") -> list[str]:
    return found.signers(found.policy.people)


def _id(pem: str) -> str:
    from shared.policy.people import public_key

    return public_key(pem).id[:16]
