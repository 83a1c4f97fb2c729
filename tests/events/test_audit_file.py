"""The audit file: private, append-only, and an error with it never fails or blocks a run."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.events.audit_file import append, audit_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = audit_path(tmp_path / "state")
    assert found is not None
    return found


def warning(capsys: pytest.CaptureFixture[str]) -> str:
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def test_lines_are_appended_to_a_private_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(path, "one")
    append(path, "two")
    assert path.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert warning(capsys) == ""


def test_concurrent_lines_do_not_mix(path: Path) -> None:
    lines = [json.dumps({"number": number, "fill": "x" * 3000}) for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda line: append(path, line), lines))
    assert sorted(path.read_text().splitlines()) == sorted(lines)


def test_link_or_pipe_is_not_written_to_and_warned_about(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    append(path, "line")
    assert "was not kept in the audit file" in warning(capsys)
    assert not (tmp_path / "elsewhere").exists()
    path.unlink()
    os.mkfifo(path)  # it has no reader: a blocking open would never return
    append(path, "line")
    assert "was not kept in the audit file" in warning(capsys)


def test_unusable_folder_and_missing_home_are_warned_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    append(tmp_path / "file" / "audit.jsonl", "line")
    assert str(tmp_path) in warning(capsys)
    append(audit_path(None), "line")
    assert "XDG_STATE_HOME" in warning(capsys)
