"""Free space: what does not fit is refused in one line that says what, how much, where, and what helps."""

from pathlib import Path

import pytest

from shared.errors import SourceError
from shared.runtime.disk import check_room, free_bytes, has_room, no_room

_TOO_MUCH = 1 << 62


def test_what_fits_is_let_through(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
    assert has_room(tmp_path, 1)
    check_room(tmp_path, 1, "app.db")


def test_what_does_not_fit_names_need_room_place_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        check_room(tmp_path, _TOO_MUCH, "app.db")
    line = str(caught.value)
    assert line.startswith(f"no room in {tmp_path} for app.db (")
    assert line.endswith(" free, 4612 PB needed): free some, or set TMPDIR to a larger place")


@pytest.mark.parametrize(
    ("otherwise", "end"), [(None, "): free some"), ("choose another --to", "): free some, or choose another --to")]
)
def test_the_remedy_is_one_that_helps_there(tmp_path: Path, otherwise: str | None, end: str) -> None:
    assert str(no_room(tmp_path, "app.db", otherwise=otherwise)).endswith(end)


def test_a_place_that_cannot_be_looked_at_is_an_error_and_no_room_still_says_the_rest(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(SourceError, match=f"cannot see how much space is left at {gone}"):
        free_bytes(gone)
    assert "(free space unknown, 2.0 kB needed)" in str(no_room(gone, "app.db", 2000))
