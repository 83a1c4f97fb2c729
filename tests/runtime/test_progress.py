"""Progress of bytes that pass: told after they were used, and never more than there are."""

from shared.runtime.progress import counted

Told = list[tuple[str, int, int]]


def _told(pieces: list[bytes], total: int) -> tuple[list[bytes], Told]:
    told: Told = []
    passed = list(counted(pieces, lambda *each: told.append(each), "load", total))
    return passed, told


def test_pieces_are_unchanged_and_counted() -> None:
    passed, told = _told([b"ab", b"", b"cde"], 5)
    assert passed == [b"ab", b"", b"cde"]
    assert told == [("load", 2, 5), ("load", 2, 5), ("load", 5, 5)]


def test_progress_never_exceeds_a_known_total() -> None:
    assert _told([b"abc", b"def"], 4)[1] == [("load", 3, 4), ("load", 4, 4)]


def test_progress_without_a_total_counts_all_bytes() -> None:
    assert _told([b"abc", b"def"], 0)[1] == [("load", 3, 0), ("load", 6, 0)]


def test_piece_is_counted_after_it_was_used() -> None:
    told: Told = []
    passing = counted([b"ab", b"cd"], lambda *each: told.append(each), "load", 4)
    next(passing)
    assert told == []
    next(passing)
    assert told == [("load", 2, 4)]
