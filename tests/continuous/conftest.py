from pathlib import Path

import pytest

from shared.keys.keyfile import KeyFile
from tests.continuous.yard import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path, KeyFile.create(tmp_path / "app.key"))
