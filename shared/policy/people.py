"""The part of the policy file about people and keys: who may request and decide, and who signs what."""

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.errors import UsageError
from shared.statements.public_key import PublicKey

BREAK_GLASS = "break-glass"  # the name under which an offline key acts
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}", re.ASCII)

Rule = Literal["two-persons", "one-person"]


@lru_cache(maxsize=256)
def public_key(pem: str) -> PublicKey:
    """Returns the key in a PEM. Raises UsageError if it is not valid."""
    return PublicKey.read(pem)


def _pem(text: str) -> str:
    try:
        public_key(text)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or text.casefold() == BREAK_GLASS:
        raise ValueError("a name is 1 to 100 of A-Z a-z 0-9 . _ + @ -, and not break-glass")
    return text


Pem = Annotated[str, AfterValidator(_pem)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Person(_Part):
    """A person who may request and decide, with their own key."""

    name: Annotated[str, AfterValidator(_name)]
    key: Pem


class Console(_Part):
    """The console, which signs for people it has identified: requests, and with `may_decide` also decisions."""

    key: Pem
    may_attest: list[str] = Field(min_length=1, max_length=100)
    may_decide: bool = False
    may_view: list[str] | None = Field(default=None, max_length=100)  # None: everybody who can log in

    def attests(self, person: str) -> bool:
        """Returns whether the console may sign for that person."""
        return any(fnmatchcase(person.casefold(), pattern.casefold()) for pattern in self.may_attest)


class Verifier(_Part):
    """The key that signs verdicts and drill reports."""

    key: Pem


class Monitor(_Part):
    """The key that signs checkpoints of the audit trail."""

    key: Pem


class BreakGlass(_Part):
    """Keys kept offline. Each of them may approve without a second person."""

    keys: list[Pem] = Field(min_length=1, max_length=10)


class RestoreRules(_Part):
    """The rules for restores. A missing rule means the default of the environment."""

    in_place: Rule | None = None  # over live data, also by native backups and row by row
    job: Rule | None = None  # restores in a Cloud Run job, into any target
    beside: Rule | None = None  # into a new database


def problem_of(
    people: list[Person],
    console: Console | None,
    verifier: Verifier | None,
    monitor: Monitor | None,
    break_glass: BreakGlass | None,
) -> str | None:
    """Returns what is wrong with the combination: a person or a key twice, or too few people; None if nothing is."""
    if len(people) == 1:
        return "people: one person cannot approve their own requests: name two or more, or none"
    if not people and (console or break_glass):
        return "console and break_glass go with people: name two or more"
    names = [person.name.casefold() for person in people]
    if len(set(names)) != len(names):
        return "people: a name occurs twice, and a person with two keys would count as two"
    keys = [public_key(person.key) for person in people]
    keys += [public_key(part.key) for part in (console, verifier, monitor) if part is not None]
    keys += [public_key(pem) for pem in (break_glass.keys if break_glass else [])]
    if len(set(keys)) != len(keys):
        return "a key occurs twice: people, console, verifier, monitor and break_glass each need keys of their own"
    return None
