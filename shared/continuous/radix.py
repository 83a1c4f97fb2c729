"""Which cycle a cycle builds on.

Cycles are numbered from the base, which is 0. The parent of k is k with its lowest non-zero digit, in base 16, lowered
by one: 0x123 builds on 0x122, 0x120 on 0x110. So nothing is ever merged or written twice, and a state is at most 15
increments a digit away from its base.
"""

from collections.abc import Iterator

_BITS = 4


def parent_of(cycle: int) -> int:
    """The cycle that `cycle`, 1 or more, builds on."""
    if cycle < 1:
        raise ValueError("the base builds on nothing")
    step = 1
    while cycle % (step << _BITS) == 0:
        step <<= _BITS
    return cycle - step


def ancestors(cycle: int) -> Iterator[int]:
    """The cycles between a new cycle and its base, nearest first; the base, 0, is the last."""
    while cycle:
        cycle = parent_of(cycle)
        yield cycle


def still_to_come(cycle: int) -> frozenset[int]:
    """Those of the cycles up to `cycle` that later ones build on: itself, and itself with its low digits 0."""
    found, step = {cycle, 0}, 1
    while step <= cycle:
        found.add(cycle - cycle % step)
        step <<= _BITS
    return frozenset(found)
