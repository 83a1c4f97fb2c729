"""A finished file is renamed in one step, never over an existing file."""

import errno
import os
from pathlib import Path

import pytest

from shared.errors import SourceError, UsageError
from shared.sqlite.publish import check_new, publish_new


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    path = tmp_path / "temporary"
    path.write_bytes(b"content")
    return path


def test_file_is_moved_to_its_new_name(tmp_path: Path, temporary: Path) -> None:
    publish_new(temporary, tmp_path / "app.db")
    assert [file.name for file in tmp_path.iterdir()] == ["app.db"]
    assert (tmp_path / "app.db").read_bytes() == b"content"


def test_existing_file_is_refused_and_not_changed(tmp_path: Path, temporary: Path) -> None:
    target = tmp_path / "app.db"
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"cannot write .*app\.db: the file exists; use another name$"):
        publish_new(temporary, target)
    with pytest.raises(UsageError, match=r"^cannot restore one to app\.db: the file exists; use another --to$"):
        check_new(target, "restore one to app.db", "use another --to")
    assert target.read_bytes() == b"mine"
    assert temporary.exists()


def test_dangling_link_counts_as_an_existing_file(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "app.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="the file exists"):
        publish_new(temporary, tmp_path / "app.db")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("suffix", ["-wal", "-journal", "-shm"])
def test_old_wal_or_journal_beside_the_target_is_refused_by_name(tmp_path: Path, temporary: Path, suffix: str) -> None:
    (tmp_path / f"app.db{suffix}").write_bytes(b"old")
    with pytest.raises(UsageError, match=f"app.db{suffix} would become part of the new database: remove it"):
        publish_new(temporary, tmp_path / "app.db")
    assert not (tmp_path / "app.db").exists()


def test_a_missing_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        check_new(tmp_path / "missing" / "app.db")


def test_file_is_moved_on_a_file_system_without_hard_links(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    publish_new(temporary, tmp_path / "app.db")
    assert (tmp_path / "app.db").read_bytes() == b"content"
    assert not temporary.exists()


def test_file_system_error_is_reported_and_leaves_no_file(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(SourceError, match=r"cannot write .*app\.db: Input/output error"):
        publish_new(temporary, tmp_path / "app.db")
    assert not (tmp_path / "app.db").exists()
