"""Free space: if there is too little, one error line names the file, the place, the sizes and a remedy."""

from pathlib import Path

import pytest

from shared.errors import SourceError
from shared.runtime.disk import check_room, free_bytes, has_room, no_room

_TOO_MUCH = 1 << 62


def test_enough_room_raises_nothing(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
    assert has_room(tmp_path, 1)
    check_room(tmp_path, 1, "app.db")


def test_too_little_room_error_names_place_sizes_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        check_room(tmp_path, _TOO_MUCH, "app.db")
    line = str(caught.value)
    assert line.startswith(f"no room in {tmp_path} for app.db (")
    assert line.endswith(" free, 4612 PB needed): free some, or set TMPDIR to a larger place")


@pytest.mark.parametrize(
    ("otherwise", "end"), [(None, "): free some"), ("choose another --to", "): free some, or choose another --to")]
)
def test_remedy_can_be_chosen_or_left_out(tmp_path: Path, otherwise: str | None, end: str) -> None:
    assert str(no_room(tmp_path, "app.db", otherwise=otherwise)).endswith(end)


def test_unreadable_place_is_an_error_and_no_room_reports_unknown_free_space(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(SourceError, match=f"cannot read the free space at {gone}"):
        free_bytes(gone)
    assert "(free space unknown, 2.0 kB needed)" in str(no_room(gone, "app.db", 2000))
