"""Which findings began and ended since the last notification: pure functions of the stored state and the findings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Notice:
    """A finding or failure to notify people of. `key` identifies it across runs."""

    key: str
    message: str
    is_error: bool


@dataclass(frozen=True)
class NoticeState:
    """The stored state of a notice. `told`: its beginning was sent. `ended`: it is over, and that was not sent yet."""

    message: str
    is_error: bool
    told: bool = False
    ended: bool = False


def update(
    kept: Mapping[str, NoticeState], seen: Iterable[Notice], looked_at: Callable[[str], bool]
) -> dict[str, NoticeState]:
    """Returns the state after a run that found `seen`.

    A notice that is not found any more has ended if `looked_at` is true for its key, that is, if the run checked for
    it. A notice that ended before its beginning was sent is dropped.
    """
    now = {notice.key: notice for notice in seen}
    after: dict[str, NoticeState] = {}
    for key, old in kept.items():
        if key in now or not looked_at(key):
            after[key] = old
        elif old.told:
            after[key] = replace(old, ended=True)
    for key, notice in now.items():
        told = key in after and after[key].told
        after[key] = NoticeState(notice.message, notice.is_error, told=told)
    return after


def unsent(kept: Mapping[str, NoticeState]) -> tuple[list[NoticeState], list[NoticeState]]:
    """Returns the beginnings, errors first, and the ends that were not sent yet."""
    began = [each for each in kept.values() if not each.told]
    ended = [each for each in kept.values() if each.ended]
    return sorted(began, key=lambda each: not each.is_error), ended


def mark_sent(kept: Mapping[str, NoticeState]) -> dict[str, NoticeState]:
    """Returns the state after a message with all unsent beginnings and ends was delivered."""
    return {key: replace(each, told=True) for key, each in kept.items() if not each.ended}


_LINES = 20
_LONGEST = 400  # characters


def message_of(machine: str, began: list[NoticeState], ended: list[NoticeState]) -> tuple[str, str]:
    """Returns the title and the text of a message."""
    counts = [f"{len(found)} {word}" for found, word in ((began, "began"), (ended, "ended")) if found]
    lines = [f"{'❌' if each.is_error else '⚠️'} {each.message[:_LONGEST]}" for each in began]
    lines += [f"✅ Over: {each.message[:_LONGEST]}" for each in ended]
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], f"and {len(lines) - _LINES} more: litekeep status"]
    return f"Litekeep on {machine}: {', '.join(counts)}", "\n".join(lines)
