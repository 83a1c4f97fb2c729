"""What a climb of the ladder collects its verdicts in."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from shared.errors import NotGood
from shared.operations.verify.check import Check, Proof

if TYPE_CHECKING:
    from shared.catalog.verdicts import Opened

_RUNGS = ("manifest", "checksum", "decrypt", "identity", "sql", "image", "schema", "data")


class Rungs:
    """Collects verdicts by rung; a rung is good when it is for every artifact that reached it."""

    def __init__(self) -> None:
        self._checks: list[Check] = []
        self.rests_on: list[str] = []
        self.opened: Opened | None = None  # the manifest, whose seal holds: what seals the verdict
        self.image: Proof | None = None  # of the page image, which tells what the full check says of the source

    def add(self, name: str, *, ok: bool, detail: str) -> bool:
        self._checks.append(Check(name, ok, detail))
        return ok

    def take(self, other: "Rungs") -> None:
        """The verdicts of a climb that was made beside this one."""
        self._checks += other._checks
        self.image = self.image or other.image

    def merged(self) -> list[Check]:
        found = [(rung, [check for check in self._checks if check.name == rung]) for rung in _RUNGS]
        return [
            Check(rung, all(check.ok for check in checks), _once([check.detail for check in checks]))
            for rung, checks in found
            if checks
        ]


class Noted:
    """Passes pieces on and remembers an error of their source, so that it is not blamed on the reader."""

    def __init__(self, source: Iterable[bytes]) -> None:
        self._source = source
        self.error: NotGood | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._source
        except NotGood as error:
            self.error = error
            raise


def _once(details: list[str]) -> str:
    """What both artifacts say, said once."""
    return "; ".join(dict.fromkeys(part for detail in details for part in detail.split("; ")))
