"""Checks who signed a statement: a person, the console for a person, or an offline key."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import NotGood, NotPermitted
from shared.policy.file import Policy
from shared.policy.people import BREAK_GLASS, public_key
from shared.statements.envelope import Statement, StatementKind, verify

if TYPE_CHECKING:
    from shared.statements.public_key import PublicKey


@dataclass(frozen=True)
class SignedStatement:
    """A statement with a valid signature, and the kind of key that signed it."""

    statement: Statement
    by_console: bool = False
    break_glass: bool = False


def verified(policy: Policy, raw: bytes, kind: StatementKind) -> SignedStatement:
    """Verifies a statement against all keys of the policy. Raises NotGood.

    Use `check_person` to compare the signer with the person named in it.
    """
    console = public_key(policy.console.key) if policy.console else None
    offline = [public_key(pem) for pem in policy.break_glass.keys] if policy.break_glass else []
    people = [public_key(person.key) for person in policy.people]
    found = verify(raw, kind, [*people, *offline, *([console] if console else [])])
    return SignedStatement(found, by_console=found.key == console, break_glass=found.key in offline)


def check_person(policy: Policy, signed: SignedStatement, person: str, kind: StatementKind) -> None:
    """Checks that the signer may act for the person named in a statement. Raises NotGood."""
    if signed.break_glass:
        if person != BREAK_GLASS:
            raise NotGood(f"this {kind} is signed by an offline key and says that {person} made it")
        return
    own = [each for each in policy.people if each.name == person]
    if not own:
        raise NotGood(f"this {kind} is of {person}, who is not among the people of the policy")
    if not signed.by_console:
        if public_key(own[0].key) != signed.statement.key:
            raise NotGood(f"this {kind} says that {person} made it, and another person signed it")
        return
    console = policy.console
    if console is None or not console.attests(person):
        raise NotGood(f"this {kind} is signed by the console, which may not speak for {person}")
    if kind is not StatementKind.REQUEST and not console.may_decide:
        raise NotGood(f"this {kind} is signed by the console, which may attest requests and decide nothing")


def person_of(policy: Policy, key: "PublicKey") -> str:
    """Returns the person with that key. Raises NotPermitted if the key is not in the policy."""
    for person in policy.people:
        if public_key(person.key) == key:
            return person.name
    if policy.break_glass and key in [public_key(pem) for pem in policy.break_glass.keys]:
        return BREAK_GLASS
    raise NotPermitted(
        f"BACKUP_SIGNING_KEY is the key {key.id[:16]}, which is none of the policy's people: sign with your own, or "
        "have it added to the policy"
    )


def check_attests(policy: Policy, key: "PublicKey", person: str, kind: StatementKind) -> None:
    """Checks that the key is the console's and that the console may sign for that person. Raises NotPermitted."""
    console = policy.console
    if console is None or public_key(console.key) != key:
        raise NotPermitted("BACKUP_SIGNING_KEY is not the key of the policy's console, so its signatures are not valid")
    if all(each.name != person for each in policy.people) or not console.attests(person):
        raise NotPermitted(f"the policy does not let the console speak for {person}")
    if kind is not StatementKind.REQUEST and not console.may_decide:
        raise NotPermitted("by the policy the console attests requests and decides nothing: use litekeep approve")
