"""The verdicts that the checks of a backup collect."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from shared.errors import NotGood
from shared.operations.verify.check import Check, Proof

if TYPE_CHECKING:
    from shared.catalog.verdicts import Opened

_RUNGS = ("manifest", "checksum", "decrypt", "identity", "sql", "image", "schema", "data")


class Rungs:
    """Verdicts by rung. A rung is good if it is good for every artifact that reached it."""

    def __init__(self) -> None:
        self._checks: list[Check] = []
        self.rests_on: list[str] = []
        self.opened: Opened | None = None  # the manifest with its checked seal, which seals the verdict
        self.image: Proof | None = None  # of the page image: shows damage of the source

    def add(self, name: str, *, ok: bool, detail: str) -> bool:
        """Adds a check, and returns `ok`."""
        self._checks.append(Check(name, ok, detail))
        return ok

    def take(self, other: "Rungs") -> None:
        """Adds the verdicts of another climb."""
        self._checks += other._checks
        self.image = self.image or other.image

    def merged(self) -> list[Check]:
        """Returns one check per rung reached, in the order of the ladder."""
        found = [(rung, [check for check in self._checks if check.name == rung]) for rung in _RUNGS]
        return [
            Check(rung, all(check.ok for check in checks), _join_details([check.detail for check in checks]))
            for rung, checks in found
            if checks
        ]


class SourceErrors:
    """Passes pieces on and keeps an error of their source, to distinguish it from an error of the reader."""

    def __init__(self, source: Iterable[bytes]) -> None:
        self._source = source
        self.error: NotGood | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._source
        except NotGood as error:
            self.error = error
            raise


def _join_details(details: list[str]) -> str:
    """Joins the details without repeating those that two artifacts share."""
    return "; ".join(dict.fromkeys(part for detail in details for part in detail.split("; ")))
