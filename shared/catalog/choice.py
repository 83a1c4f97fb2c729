"""Which backup `latest` and `latest-verified` mean."""

from typing import TYPE_CHECKING

from shared.errors import LitekeepError
from shared.model.names import LATEST, LATEST_VERIFIED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shared.catalog.backup import Backup

_MOST_IN_DOUBT = 20  # that are passed over and took a look with the key


def choose(
    newest_first: "Iterable[Backup]", ref: str, url: str, check: "Callable[[Backup], Backup] | None"
) -> "tuple[Backup | None, list[str]]":
    """The newest that `ref` means, and of each newer one that could have been it why it is not.

    `check` looks at seals with the key; it is asked only where a verdict decides. What is under another key is taken
    only when nothing else fits: who needs it has the key that opens it.
    """
    passed: list[str] = []
    unopened: Backup | None = None
    looked_at = 0
    for listed in newest_first:
        backup = listed
        if check is not None and _needs_a_look(listed, ref):
            looked_at += 1
            if looked_at > _MOST_IN_DOUBT:
                raise LitekeepError(
                    f"{_MOST_IN_DOUBT} backups in {url} that say they are newer do not hold: see litekeep list, and "
                    "name one by its id"
                )
            backup = check(listed)
        fits = backup.good and (ref == LATEST or backup.verified is True)
        if fits and backup.unopened is None:
            return backup, passed
        if fits:
            unopened = unopened or backup
        elif ref == LATEST or listed.verified or backup.doubt:
            passed.append(backup.wrong or f"{backup.name.id}: its verdict counts for nothing, {backup.doubt}")
    return unopened, passed


def _needs_a_look(backup: "Backup", ref: str) -> bool:
    """Returns whether a verdict decides over it: `latest` asks only whether one that says "not good" is true."""
    if not backup.verdicts or backup.future or backup.missing or backup.damaged:
        return False
    return ref == LATEST_VERIFIED or backup.verified is False
