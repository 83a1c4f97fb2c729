"""Chooses the backup for `latest` and `latest-verified`."""

from typing import TYPE_CHECKING

from shared.errors import LitekeepError
from shared.model.names import LATEST, LATEST_VERIFIED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shared.catalog.backup import Backup

_MOST_CHECKED = 20  # backups checked with the key before giving up


def choose(
    newest_first: "Iterable[Backup]", ref: str, url: str, check: "Callable[[Backup], Backup] | None"
) -> "tuple[Backup | None, list[str]]":
    """Returns the newest backup that fits `ref`, or None, and for each newer candidate the reason why it was passed.

    `check` checks seals with the key; it is called only if a verdict decides. A backup under another key is returned
    only if no other fits: the caller may have the key for it.
    """
    passed: list[str] = []
    unopened: Backup | None = None
    checked = 0
    for listed in newest_first:
        backup = listed
        if check is not None and _needs_check(listed, ref):
            checked += 1
            if checked > _MOST_CHECKED:
                raise LitekeepError(
                    f"cannot choose the {ref} backup in {url}: {_MOST_CHECKED} newer ones failed their checks; "
                    "see litekeep list, and name one by its id"
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


def _needs_check(backup: "Backup", ref: str) -> bool:
    """Returns whether a verdict decides over the backup. For `latest` only a verdict "not good" does."""
    if not backup.verdicts or backup.future or backup.missing or backup.damaged:
        return False
    return ref == LATEST_VERIFIED or backup.verified is False
