"""Writing both artifacts of a snapshot in parallel."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from litekeep.sample import make_sample
from shared.databases.snapshot import Snapshot, take_snapshot
from shared.errors import StoreError
from shared.model.kinds import Kind
from shared.model.manifest import Artifact
from shared.model.names import BackupName, Format
from shared.operations.backup.artifacts import write_artifacts
from shared.runtime.progress import silent
from shared.sqlite.location import FileLocation

_NAME = BackupName(Kind.DAILY, "app.db", "b")
_MOMENT = datetime(2024, 1, 15, tzinfo=UTC)
_BOTH = (Format.SQL, Format.SQLITE)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    make_sample(tmp_path / "app.db", scale=0.02)
    return take_snapshot(FileLocation(tmp_path / "app.db"), tmp_path / "snapshot")


def _written(snapshot: Snapshot, staging: Path, formats: tuple[Format, ...]) -> list[Artifact]:
    staging.mkdir(exist_ok=True)
    artifacts, _ = write_artifacts(_NAME, snapshot, _MOMENT, formats, staging, None, silent)
    return artifacts


def test_artifacts_written_in_parallel_equal_those_written_alone(snapshot: Snapshot, tmp_path: Path) -> None:
    alone = [_written(snapshot, tmp_path / form, (form,))[0] for form in _BOTH]
    together = _written(snapshot, tmp_path / "both", _BOTH)
    assert [artifact.plain_sha256 for artifact in together] == [artifact.plain_sha256 for artifact in alone]
    assert [artifact.format for artifact in together] == list(_BOTH)


@pytest.mark.parametrize("blocked", _BOTH)
def test_failure_of_one_artifact_cancels_the_other_and_is_raised(
    snapshot: Snapshot, tmp_path: Path, blocked: Format
) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()
    (staging / blocked).mkdir()
    with pytest.raises(StoreError, match=f"cannot write .*{blocked}"):
        _written(snapshot, staging, _BOTH)
