"""What began and what ended since people were last told: pure functions of the kept state and what is seen now."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Notice:
    """One thing that people should know of. `key` stays the same for as long as it is the same thing."""

    key: str
    message: str
    is_error: bool


@dataclass(frozen=True)
class Kept:
    """A notice that has begun. `told`: people know of it. `ended`: it is over, and they do not know that yet."""

    message: str
    is_error: bool
    told: bool = False
    ended: bool = False


def update(kept: Mapping[str, Kept], seen: Iterable[Notice], looked_at: Callable[[str], bool]) -> dict[str, Kept]:
    """The notices after a look. What `looked_at` covers and is not seen any more has ended.

    What ended before anybody was told of it is dropped.
    """
    now = {notice.key: notice for notice in seen}
    after: dict[str, Kept] = {}
    for key, old in kept.items():
        if key in now or not looked_at(key):
            after[key] = old
        elif old.told:
            after[key] = replace(old, ended=True)
    for key, notice in now.items():
        told = key in after and after[key].told
        after[key] = Kept(notice.message, notice.is_error, told=told)
    return after


def unsent(kept: Mapping[str, Kept]) -> tuple[list[Kept], list[Kept]]:
    """What began and what ended, as far as people were not told; errors first."""
    began = [each for each in kept.values() if not each.told]
    ended = [each for each in kept.values() if each.ended]
    return sorted(began, key=lambda each: not each.is_error), ended


def mark_sent(kept: Mapping[str, Kept]) -> dict[str, Kept]:
    """The notices once a message with all that was unsent has been delivered."""
    return {key: replace(each, told=True) for key, each in kept.items() if not each.ended}


_LINES = 20
_LONGEST = 400  # characters


def message_of(machine: str, began: list[Kept], ended: list[Kept]) -> tuple[str, str]:
    """Title and text for people."""
    counts = [f"{len(found)} {word}" for found, word in ((began, "began"), (ended, "ended")) if found]
    lines = [f"{'❌' if each.is_error else '⚠️'} {each.message[:_LONGEST]}" for each in began]
    lines += [f"✅ Over: {each.message[:_LONGEST]}" for each in ended]
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], f"and {len(lines) - _LINES} more: litekeep status"]
    return f"Litekeep on {machine}: {', '.join(counts)}", "\n".join(lines)
