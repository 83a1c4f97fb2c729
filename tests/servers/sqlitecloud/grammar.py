"""The table of platform commands: syntax, required privileges, handler.

The syntax is that of the platform's documentation: words in capitals are literal, `<name>` is one value
(bare, quoted, or `?` from the bindings), `[...]` parts are optional, in any order."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from tests.servers.sqlitecloud.engine import Rows
from tests.servers.sqlitecloud.errors import COMMAND, GENERIC, Refusal
from tests.servers.sqlitecloud.statements import Word, first_word, words
from tests.servers.sqlitecloud.wire import Reply, Value

if TYPE_CHECKING:
    from tests.servers.sqlitecloud.session import Session

_SHORT = 200  # characters
# First words that SQL has too: statements that match no command are passed to SQLite.
SHARED_WITH_SQL = frozenset({"CREATE", "DROP"})


class Arguments:
    """The values of a command's placeholders, and its options."""

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self._options: set[str] = set()

    def put(self, name: str, content: Value) -> None:
        self._values[name] = content

    def mark(self, option: str) -> None:
        self._options.add(option)

    def has(self, option: str) -> bool:
        return option in self._options

    def text(self, name: str) -> str:
        content = self._values[name]
        return content if isinstance(content, str) else str(content)

    def optional(self, name: str) -> str | None:
        return self.text(name) if name in self._values else None

    def number(self, name: str) -> int:
        try:
            return int(self.text(name))
        except ValueError:
            raise Refusal(GENERIC, f"Invalid value {self.text(name)}.") from None


Handler = Callable[["Session", Arguments], Reply | Rows]
AnyHandler = TypeVar("AnyHandler", bound=Handler)


@dataclass
class Entry:
    syntax: str
    handler: Handler
    privileges: frozenset[str]
    before_auth: bool
    reserved: bool
    required: list[str]
    options: list[list[str]]
    count: int = field(default=0)


_TABLE: dict[str, list[Entry]] = {}


def command(
    syntax: str, *privileges: str, before_auth: bool = False, reserved: bool = False
) -> Callable[[AnyHandler], AnyHandler]:
    """Registers a handler for a command. One of `privileges` is required; none means any user."""

    def enter(handler: AnyHandler) -> AnyHandler:
        head, *tail = re.split(r"\s*\[", syntax)
        options = [group.rstrip("] ").split() for group in tail]
        entry = Entry(syntax, handler, frozenset(privileges), before_auth, reserved, head.split(), options)
        _TABLE.setdefault(entry.required[0], []).append(entry)
        return handler

    return enter


def entries() -> list[Entry]:
    return sorted((entry for group in _TABLE.values() for entry in group), key=lambda entry: entry.syntax)


def find(statement: str, bindings: Iterator[Value]) -> tuple[Entry, Arguments] | None:
    """Returns the command and arguments of `statement`, or None for SQL. Raises Refusal for an unknown command."""
    verb = first_word(statement)
    candidates = _TABLE.get(verb)
    if candidates is None:
        return None
    matched = _first_match(statement) if len(statement) < _SHORT else _search(statement)
    if matched is not None:
        return matched[0], _arguments(matched[1], bindings)
    if verb in SHARED_WITH_SQL:
        return None
    raise Refusal(COMMAND, f"Unable to find command {statement}")


def _search(statement: str) -> tuple[Entry, list[tuple[str, Word | None]]] | None:
    given = words(statement)
    for entry in _TABLE[first_word(statement)]:
        if (pairs := _match(entry, given)) is not None:
            return entry, pairs
    return None


# Cached because a download repeats the same short statement.
_first_match = lru_cache(maxsize=64)(_search)


def _match(entry: Entry, given: list[Word]) -> list[tuple[str, Word | None]] | None:
    pairs = _prefix(entry.required, given)
    if pairs is None:
        return None
    at = len(entry.required)
    left = list(entry.options)
    while at < len(given):
        for option in left:
            found = _prefix(option, given[at:])
            if found is not None:
                break
        else:
            return None
        left.remove(option)
        pairs.append((" ".join(word for word in option if not word.startswith("<")), None))
        pairs += found
        at += len(option)
    return pairs


def _prefix(pattern: list[str], given: list[Word]) -> list[tuple[str, Word | None]] | None:
    if len(given) < len(pattern):
        return None
    pairs: list[tuple[str, Word | None]] = []
    for part, word in zip(pattern, given, strict=False):
        if part.startswith("<"):
            pairs.append((part.strip("<>"), word))
        elif word.quoted or word.text.upper() != part:
            return None
    return pairs


def _arguments(pairs: list[tuple[str, Word | None]], bindings: Iterator[Value]) -> Arguments:
    arguments = Arguments()
    for name, word in pairs:
        if word is None:
            arguments.mark(name)
        elif word.text == "?" and not word.quoted:
            arguments.put(name, next(bindings, None))
        else:
            arguments.put(name, word.text)
    return arguments
