"""What the verdicts that a listing shows come to: for each backup the newest that counts, as far as one can tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shared.catalog.summary import verdict_of
from shared.catalog.verdicts import Weighed, read_verdict, weigh
from shared.errors import NotGood
from shared.model import names
from shared.model.names import BackupName
from shared.stores import StoredObject

MOST = 20  # verdicts on one backup that are looked at: of more, the others are not there

ReadEach = Callable[
    [Mapping[BackupName, StoredObject], Mapping[BackupName, Any]], Iterator[tuple[BackupName, bytes | NotGood]]
]


def opinions(
    verdicts: Mapping[BackupName, Sequence[StoredObject]], sealing: Mapping[BackupName, int], read: ReadEach
) -> dict[BackupName, tuple[StoredObject, Weighed]]:
    """For each backup its newest verdict that counts; where none does, the newest of all and why it does not.

    `verdicts` are newest first, `sealing` is what each manifest says of the verdicts on it, `read` gives the bytes of
    those of which the listing tells nothing.
    """
    found: dict[BackupName, tuple[StoredObject, Weighed]] = {}
    doubts: dict[BackupName, str] = {}
    pending = {name: items[0] for name, items in verdicts.items() if items}
    for number in range(MOST):
        said = {name: verdict_of(item) for name, item in pending.items()}
        for name, content in read(pending, said):
            said[name] = None if isinstance(content, NotGood) else dict(read_verdict(content) or {}) or None
        for name, item in pending.items():
            weighed = weigh(said[name], name, time_of(item), sealing.get(name, 0))
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
    """The time in a verdict's name."""
    parsed = names.parse(verdict.name)
    return parsed.verified_at if parsed else None


def _doubted(weighed: Weighed, doubt: str) -> Weighed:
    """One that counts, though a newer one does not, which is worth telling."""
    return Weighed(weighed.ok, weighed.trust, weighed.level, weighed.source_damage, doubt)
