"""A database file assembled newest step first equals the newest state."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.continuous import index
from shared.continuous.assembly import Assembly
from shared.continuous.index import State, hash_pages

PAGE = 512
KEY = bytes(range(32))

Step = tuple[int, dict[int, bytes]]  # page count of the state, and the pages of the step


def _history(chance: random.Random, steps: int) -> tuple[list[Step], bytes]:
    """Return a base and increments of a file that grows, shrinks and changes, oldest first, and its final contents."""
    state: list[bytes] = []
    made: list[Step] = []
    for _ in range(steps):
        before = list(state)
        state = state[: chance.randint(1, 40)]
        state += [chance.randbytes(PAGE) for _ in range(chance.randint(0, 20))]
        for place in chance.sample(range(len(state)), chance.randint(0, len(state) // 2)):
            state[place] = chance.randbytes(PAGE)
        held = {place + 1: page for place, page in enumerate(state) if before[place : place + 1] != [page]}
        made.append((len(state), held))
    return made, b"".join(state)


def _assembled(folder: Path, steps: list[Step], batch: int) -> tuple[bytes, State]:
    image, hashes = folder / "image", folder / "hashes"
    with image.open("w+b") as pages, hashes.open("w+b") as found, ThreadPoolExecutor(2) as pool:
        made = Assembly(pages, found, PAGE, steps[-1][0], pool)
        for count, held in reversed(steps):
            made.cut(count)
            numbers = sorted(held)
            for start in range(0, len(numbers), batch):
                some = numbers[start : start + batch]
                made.put(some, memoryview(b"".join(held[number] for number in some)), KEY)
        return image.read_bytes(), made.state(hashes, KEY)


@pytest.mark.parametrize("seed", range(40))
def test_assembled_file_has_the_newest_pages_and_the_right_identity(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(index, "_LOCK_BYTE", chance.randint(5, 60) * PAGE)
    steps, wanted = _history(chance, chance.randint(1, 7))
    found, state = _assembled(tmp_path, steps, chance.choice([1, 3, 1000]))
    assert found == wanted
    assert state.identity == hash_pages(tmp_path / "image", PAGE, KEY, tmp_path / "again").identity
    assert state.path.read_bytes() == (tmp_path / "again").read_bytes()


@pytest.mark.parametrize("seed", range(10))
def test_missing_page_changes_the_identity(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    steps, wanted = _history(chance, 3)
    lost = chance.randint(1, len(wanted) // PAGE)
    lacking = [(count, {number: page for number, page in held.items() if number != lost}) for count, held in steps]
    found, state = _assembled(tmp_path, lacking, 1000)
    assert len(found) == len(wanted)
    (tmp_path / "wanted").write_bytes(wanted)
    assert state.identity != hash_pages(tmp_path / "wanted", PAGE, KEY, tmp_path / "again").identity


def test_each_page_is_written_and_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Step] = [(30, {number: bytes([age]) * PAGE for number in range(1, 31)}) for age in range(5)]
    hashed = []
    whole = index.hash_runs
    monkeypatch.setattr(
        "shared.continuous.assembly.hash_runs",
        lambda pages, runs, *more: hashed.extend(runs) or whole(pages, runs, *more),
    )
    found, _ = _assembled(tmp_path, steps, 1000)
    assert found == bytes([4]) * PAGE * 30
    assert hashed == [(0, 1, 30)]
