"""Chooses the verdict of each backup in a listing: the newest that is valid by all checks that need no key."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shared.catalog.grouping import Dated
from shared.catalog.summary import verdict_of
from shared.catalog.verdicts import Weighed, read_verdict, weigh
from shared.errors import NotGood
from shared.model import names
from shared.model.names import BackupName
from shared.stores import StoredObject

MOST = 20  # verdicts examined per backup, newest first; the rest are ignored

ReadEach = Callable[
    [Mapping[BackupName, StoredObject], Mapping[BackupName, Any]], Iterator[tuple[BackupName, bytes | NotGood]]
]


def opinions(
    verdicts: Mapping[BackupName, Sequence[Dated]], sealing: Mapping[BackupName, int], read: ReadEach
) -> dict[BackupName, tuple[StoredObject, Weighed]]:
    """Returns the newest valid verdict of each backup; if none is valid, the newest one and why it is not.

    `verdicts` are newest first, `sealing` is each manifest's `verdict_seal`, and `read` reads the verdicts that have no
    metadata in the listing.
    """
    found: dict[BackupName, tuple[StoredObject, Weighed]] = {}
    doubts: dict[BackupName, str] = {}
    pending = {name: items[0] for name, items in verdicts.items() if items}
    for number in range(MOST):
        documents = {name: verdict_of(item) for name, (_, item) in pending.items()}
        for name, content in read({name: item for name, (_, item) in pending.items()}, documents):
            documents[name] = None if isinstance(content, NotGood) else dict(read_verdict(content) or {}) or None
        for name, (moment, item) in pending.items():
            weighed = weigh(documents[name], name, moment, sealing.get(name, 0))
            if weighed.doubt is not None:
                found.setdefault(name, (item, weighed))
                doubts.setdefault(name, weighed.doubt)
            elif name in doubts:
                found[name] = (item, _doubted(weighed, doubts[name]))
            else:
                found[name] = (item, weighed)
        pending = {
            name: verdicts[name][number + 1]
            for name in pending
            if found[name][1].ok is None and len(verdicts[name]) > number + 1
        }
        if not pending:
            break
    return found


def time_of(verdict: StoredObject) -> Any:
    """Returns the time in a verdict's name."""
    parsed = names.parse(verdict.name)
    return parsed.verified_at if parsed else None


def _doubted(weighed: Weighed, doubt: str) -> Weighed:
    """Returns a valid verdict with the reason why a newer one is ignored."""
    return Weighed(weighed.ok, weighed.trust, weighed.level, weighed.source_damage, doubt)
