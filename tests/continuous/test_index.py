"""The page index: SQLite's lock page is ignored at any position, and chunks do not matter."""

import io
from pathlib import Path

import pytest

from shared.archive.damage import Damaged
from shared.continuous import index
from shared.continuous.index import Bytes, State, changed_pages, entries_of, hash_pages, index_of_changes, read_head

PAGE = 512
KEY = bytes(range(32))
PAGES = 2 * (1 << 20) // PAGE + 9  # three pieces, the last of nine pages


def _state(folder: Path, name: str, pages: bytes) -> State:
    (folder / name).write_bytes(pages)
    return hash_pages(folder / name, PAGE, KEY, folder / f"{name}.hashes")


def _changed(pages: bytes, *numbers: int) -> bytes:
    found = bytearray(pages)
    for number in numbers:
        found[(number - 1) * PAGE] ^= 1
    return bytes(found)


@pytest.mark.parametrize("locked", [2, (1 << 20) // PAGE, (1 << 20) // PAGE + 1, PAGES - 1, PAGES])
def test_lock_page_is_ignored_in_identities_and_increments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: int
) -> None:
    monkeypatch.setattr(index, "_LOCK_BYTE", (locked - 1) * PAGE)
    assert index.lock_page(PAGE) == locked
    pages = bytes(1000) * (PAGES * PAGE // 1000 + 1)
    before = _state(tmp_path, "before", pages[: PAGES * PAGE])
    rubbish = _state(tmp_path, "rubbish", _changed(pages[: PAGES * PAGE], locked))
    assert rubbish.identity == before.identity
    assert list(changed_pages(before, rubbish)) == []
    other = 1 if locked != 1 else 3
    after = _state(tmp_path, "after", _changed(pages[: PAGES * PAGE], locked, other))
    assert after.identity != before.identity
    assert list(changed_pages(before, after)) == [other]


def test_index_with_the_lock_page_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = _state(tmp_path, "pages", bytes(9 * PAGE))
    stored = b"".join(index_of_changes(state, [2, 5], 2))
    stream = Bytes(iter([stored]))
    assert [number for number, _ in entries_of(read_head(stream), stream)] == [2, 5]
    monkeypatch.setattr(index, "_LOCK_BYTE", 4 * PAGE)
    stream = Bytes(iter([stored]))
    with pytest.raises(Damaged, match="names pages that its state does not have"):
        list(entries_of(read_head(stream), stream))


def test_page_hashes_do_not_depend_on_chunk_boundaries(tmp_path: Path) -> None:
    content = b"".join(number.to_bytes(4, "big") * (PAGE // 4) for number in range(PAGES))
    whole = _state(tmp_path, "whole", content)
    alone = _state(tmp_path, "alone", content[:PAGE])
    assert whole.page_count == PAGES
    hashes = io.BytesIO(whole.path.read_bytes())
    assert hashes.read(index.HASH) == alone.path.read_bytes()
    assert len(set(iter(lambda: hashes.read(index.HASH), b""))) == PAGES - 1
