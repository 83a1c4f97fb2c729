"""Checks the locations of a run against the lists of a policy. The compared texts contain no credentials."""

from collections.abc import Sequence
from pathlib import Path

from shared.errors import NotPermitted

UNENCRYPTED = "none"


def check_store(allowed: Sequence[str], url: str, what: str) -> None:
    """Raises NotPermitted for a store that the policy does not list."""
    if _folder_or_bucket(url) not in {_folder_or_bucket(each) for each in allowed}:
        raise _refused(what, url, "stores")


def check_key(allowed: Sequence[str], key: str, what: str = "BACKUP_KEY") -> None:
    """Raises NotPermitted for a key that the policy does not list. `none` must be listed too."""
    if key not in allowed:
        raise NotPermitted(
            f"{what}=none is refused: the policy's keys do not list none, so every backup must be encrypted"
            if key == UNENCRYPTED
            else f"{what} is refused: the policy's keys do not list it; use one that they list"
        )


def check_location(allowed: Sequence[str], display: str, what: str, field: str) -> None:
    """Raises NotPermitted for a database that the policy does not list. An entry may end in `*`."""
    shown = display if "://" in display else str(Path(display).resolve())
    for entry in allowed:
        if entry == shown or (entry.endswith("*") and shown.startswith(entry[:-1])):
            return
    raise _refused(what, display, field)


def _folder_or_bucket(url: str) -> str:
    return url.rstrip("/") if url.startswith("gs://") else str(Path(url).expanduser().resolve())


def _refused(what: str, place: str, field: str) -> NotPermitted:
    return NotPermitted(f"{what} is refused: the policy's {field} do not list {place}; use one that they list")
