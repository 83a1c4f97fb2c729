from pathlib import Path

import pytest

from litekeep.sample import make_sample
from shared.keys.keyfile import KeyFile
from tests.jobs.runs import Job, environment


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sample") / "sample.db"
    make_sample(path, scale=0.02)
    return path.read_bytes()


@pytest.fixture
def job(tmp_path: Path, sample: bytes) -> Job:
    """A database, a key and an empty store."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "app.db").write_bytes(sample)
    KeyFile.create(tmp_path / "litekeep.key")
    return Job(tmp_path, environment(tmp_path))
