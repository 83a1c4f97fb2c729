"""The audit file: private, only appended to, and never a reason to fail or to wait."""

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


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_lines_are_added_and_private(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(path, "one")
    append(path, "two")
    assert path.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert complaint(capsys) == ""


def test_lines_of_many_at_once_do_not_mix(path: Path) -> None:
    lines = [json.dumps({"number": number, "fill": "x" * 3000}) for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda line: append(path, line), lines))
    assert sorted(path.read_text().splitlines()) == sorted(lines)


def test_a_link_or_a_pipe_in_its_place_is_not_written_to_and_said(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    append(path, "line")
    assert "was not kept in the audit file" in complaint(capsys)
    assert not (tmp_path / "elsewhere").exists()
    path.unlink()
    os.mkfifo(path)  # nobody reads it: a plain open would wait for ever
    append(path, "line")
    assert "was not kept in the audit file" in complaint(capsys)


def test_a_folder_that_cannot_be_made_and_no_home_at_all_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    append(tmp_path / "file" / "audit.jsonl", "line")
    assert str(tmp_path) in complaint(capsys)
    append(audit_path(None), "line")
    assert "XDG_STATE_HOME" in complaint(capsys)
