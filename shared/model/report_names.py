"""Object names of drill reports, cost reviews and the erasure ledger.

drills/DATABASE/TIME.VERDICT.json     a drill's report, written last; VERDICT is `passed` or `failed`
drills/DATABASE/TIME.VERDICT.md       the same report as text; `.svg` is its plot
cost/TIME.md                          a cost review
erasures/NUMBER.json                  an erasure, sealed, with the hash of the previous one
erasures/key-NUMBER.json              the ledger's wrapped secret; the highest number that the key opens is used
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from shared.model.names import decode_database, encode_database, parse_moment

_DRILL = re.compile(r"(\d{8}T\d{12}Z)\.(passed|failed)\.json", re.ASCII)
_ERASURE = re.compile(r"erasures/(key-)?([1-9]\d{0,8})\.json", re.ASCII)
ERASURES = "erasures/"  # the prefix of the erasure ledger


class DrillName(NamedTuple):
    """One drill: its database, time and result. All three are in the name."""

    database: str
    held_at: datetime
    passed: bool

    @property
    def report(self) -> str:
        """The JSON report, written last: it publishes the drill."""
        return f"{self._stem}.json"

    @property
    def page(self) -> str:
        """The report as text, in Markdown."""
        return f"{self._stem}.md"

    @property
    def plot(self) -> str:
        """The plot of the report, in SVG."""
        return f"{self._stem}.svg"

    @property
    def _stem(self) -> str:
        # Microseconds, so that two drills in the same second get different names.
        moment = f"{self.held_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
        return f"{drill_prefix(self.database)}{moment}.{'passed' if self.passed else 'failed'}"


def erasure(number: int) -> str:
    """Returns the name of a ledger entry."""
    return f"{ERASURES}{number}.json"


def erasure_key(number: int) -> str:
    """Returns the name of the ledger's wrapped secret of that number."""
    return f"{ERASURES}key-{number}.json"


def parse_erasure(name: str) -> tuple[str, int] | None:
    """Returns `entry` or `key` and its number; None for any other object."""
    found = _ERASURE.fullmatch(name)
    return None if found is None else ("key" if found[1] else "entry", int(found[2]))


def cost_review(moment: datetime) -> str:
    """Returns the name of a cost review."""
    return f"cost/{moment.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.md"


def drill_prefix(database: str | None = None) -> str:
    """Returns the listing prefix of all drills, or of those of one database."""
    return "drills/" if database is None else f"drills/{encode_database(database)}/"


def parse_drill(name: str) -> DrillName | None:
    """Parses the name of a drill's JSON report; None for any other object."""
    parts = name.split("/")
    found = _DRILL.fullmatch(parts[2]) if len(parts) == 3 and parts[0] == "drills" else None
    if found is None:
        return None
    database, held_at = decode_database(parts[1]), parse_moment(found[1])
    if database is None or held_at is None:
        return None
    drill = DrillName(database, held_at, found[2] == "passed")
    return drill if drill.report == name else None
