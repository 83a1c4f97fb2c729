"""Evaluates the part of Cloud Logging's query language that our filters use, to test them on log entries.

It has comparisons (= != < <= > >= : =~ !~), AND, OR, NOT, parentheses, and `field=("a" OR "b")`. In the real language
OR binds closer than AND, which few readers know, so a filter that mixes them without parentheses is refused here. The
rules are those of Google's page "Logging query language".
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]
Test = Callable[[Entry], bool]

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([()*])|(=~|!~|!=|<=|>=|[=<>:])|([A-Za-z0-9_.\-]+))')
_SEVERITIES = ["DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"]


class BadQuery(ValueError):
    """The query is outside the subset, or ambiguous."""


@dataclass(frozen=True)
class Token:
    kind: str  # "text", "mark", "operator" or "word"
    value: str


def compile_query(query: str) -> Test:
    """Returns a function that says whether an entry matches. Raises BadQuery."""
    parser = _Parser(_tokens(query))
    test = parser.either()
    if parser.rest:
        raise BadQuery(f"nothing is expected before {parser.rest[0].value!r}")
    return test


def _tokens(query: str) -> list[Token]:
    found, position = [], 0
    while position < len(query.rstrip()):
        match = _TOKEN.match(query, position)
        if match is None:
            raise BadQuery(f"not understood: {query[position : position + 20]!r}")
        kinds = ("text", "mark", "operator", "word")
        kind, value = next((kind, value) for kind, value in zip(kinds, match.groups(), strict=True) if value)
        found.append(Token(kind, re.sub(r"\\([\"\\])", r"\1", value[1:-1]) if kind == "text" else value))
        position = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.rest = tokens

    def either(self) -> Test:
        tests, joints = [self._term()], set()
        while self.rest and self.rest[0] in {Token("word", "AND"), Token("word", "OR")}:
            joints.add(self._take().value)
            tests.append(self._term())
        if len(joints) > 1:
            raise BadQuery("AND and OR are mixed: put parentheses")
        return _any_of(tests) if joints == {"OR"} else _all_of(tests)

    def _term(self) -> Test:
        if self._next_is("word", "NOT"):
            self._take()
            inner = self._term()
            return lambda entry: not inner(entry)
        if self._next_is("mark", "("):
            return self._in_parentheses(self.either)
        field, operator = self._take("word").value, self._take("operator").value
        return self._values(field, operator)

    def _values(self, field: str, operator: str) -> Test:
        if self._next_is("mark", "("):
            return self._in_parentheses(lambda: self._alternatives(field, operator))
        return _comparison(field, operator, self._take())

    def _alternatives(self, field: str, operator: str) -> Test:
        tests = [_comparison(field, operator, self._take())]
        while self._next_is("word", "OR"):
            self._take()
            tests.append(_comparison(field, operator, self._take()))
        return _any_of(tests)

    def _in_parentheses(self, inner: Callable[[], Test]) -> Test:
        self._take("mark")
        test = inner()
        if not self._next_is("mark", ")"):
            raise BadQuery("a parenthesis is not closed")
        self._take()
        return test

    def _next_is(self, kind: str, value: str) -> bool:
        return bool(self.rest) and self.rest[0] == Token(kind, value)

    def _take(self, kind: str | None = None) -> Token:
        if not self.rest or (kind is not None and self.rest[0].kind != kind):
            raise BadQuery(f"{kind or 'something'} is expected before {[token.value for token in self.rest[:3]]}")
        return self.rest.pop(0)


# Text comparison ignores case; regular expressions do not.
_OF_TEXT: Mapping[str, Callable[[str, Token], bool]] = {
    ":": lambda found, wanted: wanted == Token("mark", "*") or wanted.value.lower() in found.lower(),
    "=~": lambda found, wanted: re.search(wanted.value, found) is not None,
    "!~": lambda found, wanted: re.search(wanted.value, found) is None,
    "=": lambda found, wanted: found.lower() == wanted.value.lower(),
    "!=": lambda found, wanted: found.lower() != wanted.value.lower(),
}


def _any_of(tests: list[Test]) -> Test:
    return lambda entry: any(test(entry) for test in tests)


def _all_of(tests: list[Test]) -> Test:
    return lambda entry: all(test(entry) for test in tests)


def _comparison(field: str, operator: str, wanted: Token) -> Test:
    if wanted.kind == "operator" or wanted.value in {"(", ")"}:
        raise BadQuery(f"{field}{operator} lacks a value")
    path = field.split(".")

    def test(entry: Entry) -> bool:
        found = _at(entry, path)
        return found is not None and _holds(field, found, operator, wanted)

    return test


def _at(entry: Any, path: list[str]) -> Any:
    for part in path:
        entry = entry.get(part) if isinstance(entry, Mapping) else None
    return entry


def _holds(field: str, found: Any, operator: str, wanted: Token) -> bool:
    if operator in _OF_TEXT:
        return _OF_TEXT[operator](str(found), wanted)
    if field == "severity":
        return _ordered(_SEVERITIES.index(found), operator, _SEVERITIES.index(wanted.value))
    if wanted.kind == "text" or isinstance(found, bool) or not isinstance(found, int | float):
        raise BadQuery(f"{field}{operator}{wanted.value} orders what is no number: {found!r}")
    return _ordered(found, operator, float(wanted.value))


def _ordered(found: float, operator: str, wanted: float) -> bool:
    match operator:
        case "<":
            return found < wanted
        case "<=":
            return found <= wanted
        case ">":
            return found > wanted
    return found >= wanted
