from pathlib import Path

import pytest


@pytest.fixture
def source_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The destination of a snapshot: a file that does not exist yet, in a private folder."""
    folder = tmp_path / "scratch"
    folder.mkdir(mode=0o700)
    return folder / "snapshot.sqlite"
