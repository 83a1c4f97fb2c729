"""Files are created atomically and never overwritten."""

import errno
import os
import stat
from pathlib import Path

import pytest

from shared.runtime.files import publish, replace_whole, write_new


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_new_file_has_its_content_and_mode_and_leaves_no_temporary(tmp_path: Path, mode: int) -> None:
    write_new(tmp_path / "new", b"content", "file", mode=mode)
    assert (tmp_path / "new").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == mode
    assert _names(tmp_path) == ["new"]


@pytest.mark.parametrize("links", [True, False])
def test_existing_file_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool) -> None:
    if not links:
        _without_links(monkeypatch)
    (tmp_path / "there").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "there", b"new", "file")
    assert (tmp_path / "there").read_bytes() == b"old"
    assert _names(tmp_path) == ["there"]


def test_without_hard_links_a_file_is_created_only_with_claiming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_links(monkeypatch)
    write_new(tmp_path / "sheet", b"content", "file")
    with pytest.raises(OSError, match="not permitted"):
        write_new(tmp_path / "key", b"content", "key", claiming=False)
    assert _names(tmp_path) == ["sheet"]
    assert (tmp_path / "sheet").read_bytes() == b"content"


def test_replaced_file_has_the_new_content_and_mode(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"a longer old content")
    replace_whole(tmp_path / "state", b"new", 0o644)
    assert (tmp_path / "state").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o644
    assert _names(tmp_path) == ["state"]


def test_failed_replacement_leaves_the_old_file_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "state").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        replace_whole(tmp_path / "state", b"new")
    assert (tmp_path / "state").read_bytes() == b"old"
    assert _names(tmp_path) == ["state"]


def test_published_file_loses_its_temporary_name(tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(b"content")
    publish(tmp_path / "made", tmp_path / "app.db", "file")
    assert _names(tmp_path) == ["app.db"]
