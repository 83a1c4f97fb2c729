"""Faults on demand. Each is a rule: the requests it applies to, how often, and what it does.

A rule's `match` is a regular expression searched, ignoring case, in the whole text of a request; pieces of an
upload have the texts `UPLOAD DATA` and `UPLOAD END`. The rule applies from the `nth` matching request on, to
`times` requests (None: all). Each rule counts over all connections."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.errors import Refusal

if TYPE_CHECKING:
    from tests.servers.sqlitecloud.session import Session

Hook = Callable[["Session"], None]
Alteration = Callable[[bytes], bytes]


@dataclass
class Rule:
    pattern: re.Pattern[str]
    nth: int
    times: int | None
    apply: Callable[["Plan"], None]
    seen: int = 0

    def hits(self, text: str) -> bool:
        if not self.pattern.search(text):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)


@dataclass
class Plan:
    """The faults for one request and its reply."""

    before: list[Hook] = field(default_factory=list)
    after: list[Hook] = field(default_factory=list)
    instead: bytes | None = None
    alter: list[Alteration] = field(default_factory=list)
    cut: int | None = None
    reset: bool = False
    drip: tuple[int, Callable[[int], None]] | None = None


class Faults:
    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._budgets: list[int] = []
        self._handshakes = 0
        self._lock = threading.Lock()
        self.certificate: str = "good"
        """The certificate for new connections: `good`, `expired`, `wrong-host` or `unknown-ca`."""
        self.tls_maximum: str | None = None
        """`1.2` limits new connections to TLS 1.2."""

    def clear(self) -> None:
        with self._lock:
            self._rules, self._budgets, self._handshakes = [], [], 0
            self.certificate, self.tls_maximum = "good", None

    def plan(self, text: str) -> Plan:
        plan = Plan()
        with self._lock:
            for rule in self._rules:
                if rule.hits(text):
                    rule.apply(plan)
        return plan

    def budget(self) -> int | None:
        """Returns how many bytes a new connection may send before it is cut, or None."""
        with self._lock:
            return self._budgets.pop(0) if self._budgets else None

    def drops_handshake(self) -> bool:
        with self._lock:
            drops = self._handshakes > 0
            self._handshakes -= drops
            return drops

    # Connections

    def cut_connection(self, after: int) -> None:
        """Cuts the next connection after `after` bytes of replies. Further calls apply to the connections
        after that."""
        with self._lock:
            self._budgets.append(after)

    def drop_handshakes(self, times: int = 1) -> None:
        """Closes the next connections before the TLS handshake."""
        with self._lock:
            self._handshakes += times

    # Replies

    def error(self, match: str, code: int, text: str, *, nth: int = 1, times: int | None = 1) -> None:
        """Sends an error reply instead of running the request."""
        self.reply(match, wire.error(Refusal(code, text)), nth=nth, times=times)

    def reply(self, match: str, raw: bytes, *, nth: int = 1, times: int | None = 1) -> None:
        """Sends these bytes instead of running the request, such as garbage, `^` commands or wrong types."""
        self._add(match, nth, times, lambda plan: setattr(plan, "instead", raw))

    def alter(self, match: str, change: Alteration, *, nth: int = 1, times: int | None = 1) -> None:
        """Runs the request and sends change(reply)."""
        self._add(match, nth, times, lambda plan: plan.alter.append(change))

    def cut(self, match: str, after: int = 0, *, reset: bool = False, nth: int = 1, times: int | None = 1) -> None:
        """Runs the request, sends the first `after` bytes of its reply, and closes; `reset` closes with a RST."""

        def apply(plan: Plan) -> None:
            plan.cut, plan.reset = after, reset

        self._add(match, nth, times, apply)

    def drip(
        self, match: str, hook: Callable[[int], None], size: int = 1, *, nth: int = 1, times: int | None = 1
    ) -> None:
        """Calls hook(position) before each `size` bytes of the reply. The hook may wait for an event."""
        self._add(match, nth, times, lambda plan: setattr(plan, "drip", (size, hook)))

    def before(self, match: str, hook: Hook, *, nth: int = 1, times: int | None = 1) -> None:
        """Calls hook(session) before the request runs, to remove or replace a database or move the clock."""
        self._add(match, nth, times, lambda plan: plan.before.append(hook))

    def after(self, match: str, hook: Hook, *, nth: int = 1, times: int | None = 1) -> None:
        """Calls hook(session) after the request has run, before its reply is sent."""
        self._add(match, nth, times, lambda plan: plan.after.append(hook))

    # Downloads and uploads

    def short_step(self, nth: int = 1, by: int = 1) -> None:
        """Removes the last `by` bytes of the n-th step's blob, as if the database were shorter."""
        self.alter("DOWNLOAD STEP", lambda reply: wire.blob(blob_of(reply)[:-by]), nth=nth)

    def long_step(self, nth: int = 1, by: int = 1) -> None:
        """Appends `by` bytes to the n-th step's blob."""
        self.alter("DOWNLOAD STEP", lambda reply: wire.blob(blob_of(reply) + bytes(by)), nth=nth)

    def torn_step(self, nth: int = 2) -> None:
        """From the n-th step on, sends the bytes of the database as it is then."""
        self.before("DOWNLOAD STEP", lambda session: session.tear_download(), nth=nth)

    def announce(
        self, *, size: int | None = None, pages: int | None = None, raft: int | None = None, nth: int = 1
    ) -> None:
        """Changes the numbers in the reply to DOWNLOAD DATABASE; the download itself is correct."""

        def change(reply: bytes) -> bytes:
            actual = [int(item[1:]) for item in reply.split()[2:]]
            announced = (size, pages, raft)
            return wire.array(old if new is None else new for old, new in zip(actual, announced, strict=True))

        self.alter("DOWNLOAD DATABASE", change, nth=nth)

    def upload_quota(self, nth: int, text: str = "Storage quota exceeded.") -> None:
        """Refuses the n-th piece of an upload and all later ones."""
        self.error("^UPLOAD DATA$", 10005, text, nth=nth, times=None)

    def _add(self, match: str, nth: int, times: int | None, apply: Callable[[Plan], None]) -> None:
        with self._lock:
            self._rules.append(Rule(re.compile(match, re.IGNORECASE), nth, times, apply))


def blob_of(reply: bytes) -> bytes:
    """Returns the content of a `$` reply."""
    return reply[reply.index(b" ") + 1 :]
