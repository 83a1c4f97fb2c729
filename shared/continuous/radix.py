"""The radix rule: which cycle is the parent of a cycle.

Cycles are numbered from the base, which is 0. The parent of k is k with its lowest non-zero hexadecimal digit lowered
by one: 0x123 has the parent 0x122, and 0x120 the parent 0x110. Nothing is ever merged or written twice, and a state is
at most 15 increments per digit away from its base.
"""

from collections.abc import Iterator

_BITS = 4


def parent_of(cycle: int) -> int:
    """Returns the parent of `cycle`, which is 1 or more."""
    if cycle < 1:
        raise ValueError("the base has no parent")
    step = 1
    while cycle % (step << _BITS) == 0:
        step <<= _BITS
    return cycle - step


def ancestors(cycle: int) -> Iterator[int]:
    """Yields the ancestors of a cycle, nearest first; the base, 0, is the last."""
    while cycle:
        cycle = parent_of(cycle)
        yield cycle


def future_parents(cycle: int) -> frozenset[int]:
    """Returns the cycles up to `cycle` that can be parents of later ones: `cycle`, also with low digits zeroed."""
    found, step = {cycle, 0}, 1
    while step <= cycle:
        found.add(cycle - cycle % step)
        step <<= _BITS
    return frozenset(found)
