"""Progress of passing bytes: reported after they were used, and never more than the total."""

from shared.runtime.progress import counted

Reports = list[tuple[str, int, int]]


def _run(pieces: list[bytes], total: int) -> tuple[list[bytes], Reports]:
    reports: Reports = []
    passed = list(counted(pieces, lambda *each: reports.append(each), "load", total))
    return passed, reports


def test_pieces_are_unchanged_and_counted() -> None:
    passed, reports = _run([b"ab", b"", b"cde"], 5)
    assert passed == [b"ab", b"", b"cde"]
    assert reports == [("load", 2, 5), ("load", 2, 5), ("load", 5, 5)]


def test_progress_never_exceeds_a_known_total() -> None:
    assert _run([b"abc", b"def"], 4)[1] == [("load", 3, 4), ("load", 4, 4)]


def test_progress_without_a_total_counts_all_bytes() -> None:
    assert _run([b"abc", b"def"], 0)[1] == [("load", 3, 0), ("load", 6, 0)]


def test_piece_is_counted_after_it_was_used() -> None:
    reports: Reports = []
    passing = counted([b"ab", b"cd"], lambda *each: reports.append(each), "load", 4)
    next(passing)
    assert reports == []
    next(passing)
    assert reports == [("load", 2, 4)]
