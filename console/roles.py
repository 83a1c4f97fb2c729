"""The roles of a caller. Only the policy file grants them."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from console.identity import Caller
from shared.errors import LitekeepError
from shared.keys.signing import open_signer
from shared.policy.file import Policy
from shared.policy.people import Console, public_key
from shared.settings import Settings
from shared.terminal.policy import policy_of


@dataclass(frozen=True)
class Roles:
    """`person`: the caller's name in the policy, if any. `why_not`: why some role is missing, shown on the page."""

    person: str | None
    view: bool
    ask: bool = False
    decide: bool = False
    why_not: str | None = None

    @property
    def words(self) -> str:
        """The roles as text: `viewer, requester and approver`."""
        held = [
            word for word, has in (("viewer", self.view), ("requester", self.ask), ("approver", self.decide)) if has
        ]
        return f"{', '.join(held[:-1])} and {held[-1]}" if len(held) > 1 else "".join(held)


def roles_of(settings: Settings, caller: Caller, *, may_change: bool) -> Roles:
    """Returns the roles of the caller. Raises UsageError for an invalid policy."""
    policy = policy_of(settings)
    if policy is None or not policy.people:
        return Roles(None, view=True, why_not="no policy file names people, so no request can be made here")
    if caller.own_key:
        return _of_own_key(settings, policy, may_change=may_change)
    return _by_console(settings, policy, caller.name)


def _of_own_key(settings: Settings, policy: Policy, *, may_change: bool) -> Roles:
    if not may_change:
        return Roles(None, view=True, why_not="the console is read-only: start it with --allow-requests")
    if settings.backup_signing_key is None:
        return Roles(None, view=True, why_not="BACKUP_SIGNING_KEY is not set, so nothing can be signed")
    try:
        own = open_signer(settings.backup_signing_key).public
    except LitekeepError as error:
        return Roles(None, view=True, why_not=str(error))
    person = next((each.name for each in policy.people if public_key(each.key) == own), None)
    if person is None:
        return Roles(None, view=True, why_not="BACKUP_SIGNING_KEY is not the key of a person in the policy")
    return Roles(person, view=True, ask=True, decide=True)


def _by_console(settings: Settings, policy: Policy, email: str) -> Roles:
    console = policy.console
    person = next((each.name for each in policy.people if each.name.casefold() == email.casefold()), None)
    view = person is not None or _may_view(console, email)
    if console is None:
        return Roles(person, view, why_not="the policy has no console section, so this console can sign nothing")
    if person is None:
        return Roles(None, view, why_not="the policy does not name you among its people")
    if not console.attests(person) or settings.backup_signing_key is None:
        return Roles(person, view, why_not="the policy does not let the console sign for you")
    why_not = None if console.may_decide else "the policy lets the console decide nothing: use litekeep approve"
    return Roles(person, view, ask=True, decide=console.may_decide, why_not=why_not)


def _may_view(console: Console | None, email: str) -> bool:
    """Everybody whom Identity-Aware Proxy admits may view, unless the policy names the viewers."""
    patterns = console.may_view if console is not None else None
    return patterns is None or any(fnmatchcase(email.casefold(), pattern.casefold()) for pattern in patterns)
