"""Evaluates IAM conditions on an object's name, in the language that IAM has for `resource.name`.

It has `==`, `!=`, `startsWith`, `endsWith`, `extract`, `&&`, `||`, `!` and parentheses. Everything else is an error,
also `matches`, which the Common Expression Language has but IAM has not. `extract` follows Google's reference: it
returns the text between the first occurrence of the template's text before the braces and the next occurrence of the
text after them.
"""

import json
import re
from collections.abc import Callable

Holds = Callable[[str], bool]

MOST_OPERATORS = 12  # of && || ! in one expression
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|&&|\|\||==|!=|[!().]|[A-Za-z]+)')


class BadCondition(ValueError):
    """IAM would refuse the condition."""


def compile_condition(expression: str) -> Holds:
    """Returns a function that says whether the condition holds for a resource name. Raises BadCondition."""
    reader = _Reader(expression)
    holds = reader.either()
    if reader.left:
        raise BadCondition(f"{expression!r} goes on with {reader.left[0]!r}")
    if reader.operators > MOST_OPERATORS:
        raise BadCondition(f"{expression!r} has {reader.operators} operators, and IAM takes {MOST_OPERATORS}")
    return holds


def extract(text: str, template: str) -> str:
    """Returns the part of `text` in the place of the template's braces, or an empty text."""
    found = re.fullmatch(r"([^{}]*)\{\w+\}([^{}]*)", template)
    if not found:
        raise BadCondition(f"{template!r} has not one name in braces")
    before, after = found.groups()
    _, met, rest = text.partition(before) if before else ("", "start", text)
    if not met:
        return ""
    inside, met, _ = rest.partition(after) if after else (rest, "end", "")
    return inside if met else ""


class _Reader:
    def __init__(self, expression: str) -> None:
        self.left: list[str] = []
        self.operators = 0
        at = 0
        while at < len(expression.rstrip()):
            token = _TOKEN.match(expression, at)
            if not token:
                raise BadCondition(f"{expression!r} cannot be read from {expression[at:]!r} on")
            self.left.append(token[1])
            at = token.end()

    def either(self) -> Holds:
        parts = [self._both()]
        while self._has("||"):
            self.operators += 1
            parts.append(self._both())
        return lambda name: any(part(name) for part in parts)

    def _both(self) -> Holds:
        parts = [self._one()]
        while self._has("&&"):
            self.operators += 1
            parts.append(self._one())
        return lambda name: all(part(name) for part in parts)

    def _one(self) -> Holds:
        if self._has("!"):
            self.operators += 1
            inner = self._one()
            return lambda name: not inner(name)
        if self._has("("):
            inner = self.either()
            self._take(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Holds:
        for part in ("resource", ".", "name"):
            self._take(part)
        if self._has("=="):
            wanted = self._text()
            return lambda name: name == wanted
        if self._has("!="):
            unwanted = self._text()
            return lambda name: name != unwanted
        self._take(".")
        function = self._next()
        self._take("(")
        given = self._text()
        self._take(")")
        if function == "startsWith":
            return lambda name: name.startswith(given)
        if function == "endsWith":
            return lambda name: name.endswith(given)
        if function != "extract":
            raise BadCondition(f"IAM has no {function} for resource.name")
        extract("", given)
        same = self._has("==")
        if not same:
            self._take("!=")
        value = self._text()
        return lambda name: (extract(name, given) == value) is same

    def _has(self, token: str) -> bool:
        if self.left[:1] == [token]:
            del self.left[0]
            return True
        return False

    def _take(self, token: str) -> None:
        if not self._has(token):
            raise BadCondition(f"{token!r} was expected before {self.left[:3]}")

    def _next(self) -> str:
        if not self.left:
            raise BadCondition("the expression ends too early")
        return self.left.pop(0)

    def _text(self) -> str:
        token = self._next()
        if not token.startswith('"'):
            raise BadCondition(f"a text was expected instead of {token!r}")
        text: str = json.loads(token)
        return text
