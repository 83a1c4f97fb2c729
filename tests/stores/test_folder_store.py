"""The store contract on a folder, and the behaviour that only folders have."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import google_crc32c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import ObjectExists, ObjectMissing, StoreError
from shared.stores import Store, open_store
from shared.stores.folder import FolderStore
from shared.stores.folder_errors import folder_problem
from shared.stores.probe import probe
from tests.stores.contract import StoreContract, names, put, put_file, read

NOBODY = 65534


class TestFolder(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return FolderStore(tmp_path / "store")

    @pytest.fixture
    def another(self, tmp_path: Path) -> Callable[[], Store]:
        return lambda: FolderStore(tmp_path / "store")


class TestFolderWithoutHardLinks(TestFolder):
    """FAT and some network disks have no hard links: link() fails with EPERM."""

    @pytest.fixture(autouse=True)
    def _no_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: object, **options: object) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(root)


def test_reading_and_deleting_do_not_create_the_store(store: FolderStore, root: Path) -> None:
    assert names(store) == []
    with pytest.raises(ObjectMissing):
        read(store, "daily/one")
    store.delete("daily/one", "x")
    assert not root.exists()


def test_files_and_folders_are_private_to_their_owner(store: FolderStore, root: Path) -> None:
    previous = os.umask(0)
    try:
        put(store, "daily/app/one")
        put_file(store, "daily/app/two", b"x")
        store.delete("daily/app/three", put(store, "daily/app/three"))
    finally:
        os.umask(previous)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}
    assert {path for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == set()


def test_stored_file_has_one_link_and_the_staging_folder_is_empty(store: FolderStore, root: Path) -> None:
    put(store, "daily/app/one")
    put_file(store, "daily/app/two", b"x")
    assert {path.stat().st_nlink for path in root.rglob("*") if path.is_file()} == {1}
    assert list((root / ".staging").iterdir()) == []


def test_file_and_folder_are_synced_before_create_returns(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "daily/app/zero")
    happened: list[str] = []
    real_sync, real_link = os.fsync, os.link

    def sync(descriptor: int) -> None:
        happened.append("sync " + Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real_sync(descriptor)

    def link(*args: object, **options: object) -> None:
        happened.append("link")
        real_link(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "link", link)
    put_file(store, "daily/new/one", b"x")
    assert happened == ["sync artifact", "sync store", "sync daily", "link", "sync new"]


def test_hidden_and_foreign_files_are_neither_listed_nor_read(store: FolderStore, root: Path) -> None:
    put(store, "daily/app/one")
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "daily/link").symlink_to(outside)
    (root / "daily/app/link").symlink_to(outside / "secret")
    (root / "daily/dangling").symlink_to(outside / "none")
    (root / ".hidden").write_bytes(b"x")
    (root / "daily/.hidden").mkdir()
    (root / "daily/.hidden/x").write_bytes(b"x")
    (root / "daily/back\\slash").write_bytes(b"x")
    (root / "daily" / os.fsdecode(b"not-utf8-\xff")).write_bytes(b"x")
    (root / "lost+found").mkdir()
    (root / "lost+found/x").write_bytes(b"x")
    os.mkfifo(root / "daily/app/fifo")
    assert names(store) == ["daily/app/one"]
    for name in ("daily/app/link", "daily/link/secret"):
        with pytest.raises(StoreError, match="symlink"):
            read(store, name)
    with pytest.raises(StoreError, match="not a plain file"):
        read(store, "daily/app/fifo")


def test_reading_what_is_not_an_object_leaves_no_file_open(store: FolderStore, root: Path) -> None:
    put(store, "daily/app/one")
    os.mkfifo(root / "daily/app/fifo")
    before = set(Path("/proc/self/fd").iterdir())
    for name in ("daily/app", "daily/app/fifo", "daily/app/none", "daily/none/one"):
        with pytest.raises(StoreError):
            read(store, name)
    assert names(store) == ["daily/app/one"]
    assert set(Path("/proc/self/fd").iterdir()) <= before


def test_symlink_never_redirects_a_write_or_delete_out_of_the_store(store: FolderStore, root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(b"theirs")
    found = (outside / "victim").stat()
    put(store, "daily/app/one")
    (root / "weekly").symlink_to(outside)
    (root / "daily/app/link").symlink_to(outside / "victim")
    generation = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
    with pytest.raises(StoreError, match="symlink"):
        put(store, "weekly/new")
    with pytest.raises(StoreError, match="symlink"):
        store.delete("weekly/victim", generation)
    store.delete("daily/app/link", generation)
    with pytest.raises(ObjectExists):
        put(store, "daily/app/link")
    assert [path.name for path in outside.iterdir()] == ["victim"]
    assert (outside / "victim").read_bytes() == b"theirs"


def test_staging_folder_that_is_a_symlink_is_refused(store: FolderStore, root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    root.mkdir()
    (root / ".staging").symlink_to(outside)
    with pytest.raises(StoreError, match="link"):
        put(store, "daily/one")
    assert list(outside.iterdir()) == []


def test_store_folder_may_be_a_symlink(store: FolderStore, root: Path) -> None:
    (root.parent / "disk").mkdir()
    root.symlink_to(root.parent / "disk")
    put(store, "daily/one")
    assert names(store) == ["daily/one"]


def test_changed_file_has_another_generation(store: FolderStore, root: Path) -> None:
    generation = put(store, "daily/one", b"original")
    (root / "daily/one").write_bytes(b"tampered")
    os.utime(root / "daily/one", ns=(1, 1))
    with pytest.raises(ObjectMissing, match="list again"):
        read(store, "daily/one", generation)
    store.delete("daily/one", generation)
    assert names(store) == ["daily/one"]


def test_file_times_out_of_range_do_not_break_a_listing(store: FolderStore, root: Path) -> None:
    put(store, "daily/one")
    for seconds in (-(2**40), 2**40):
        os.utime(root / "daily/one", (seconds, seconds))
        assert names(store) == ["daily/one"]


@pytest.mark.parametrize("kind", ["file", "below a file", "dangling link", "no parent", "loop"])
def test_store_path_that_is_not_a_folder_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "store"
    if kind == "no parent":
        path = tmp_path / "unmounted" / "store"
    elif kind == "dangling link":
        path.symlink_to(tmp_path / "unmounted" / "store")
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.write_bytes(b"a file")
        path = path / "sub" if kind == "below a file" else path
    store = FolderStore(path)
    before = sorted(tmp_path.rglob("*"))
    actions: list[Callable[[], object]] = [
        lambda: names(store),
        lambda: put(store, "daily/one"),
        lambda: put_file(store, "daily/one", b"x"),
        lambda: probe(store),
    ]
    for action in actions:
        with pytest.raises(StoreError, match=str(path)) as caught:
            action()
        assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@contextmanager
def as_nobody() -> Iterator[None]:
    """Runs the block as an unprivileged user, because root ignores file modes."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def others_store() -> Iterator[FolderStore]:
    """A store with daily/one that belongs to the user of `as_nobody`, who can reach its path."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        store = FolderStore(Path(folder) / "store")
        with as_nobody():
            put(store, "daily/one")
        yield store
        for path in Path(folder).rglob("*"):
            path.chmod(0o700)


def test_read_only_folder_can_be_read_and_writing_is_permission_denied(others_store: FolderStore) -> None:
    root = Path(others_store.url)
    with as_nobody():
        (found,) = others_store.list_objects()
        for folder in (root, root / "daily", root / ".staging"):
            folder.chmod(0o500)
        assert read(others_store, "daily/one") == b"content"
        assert names(others_store) == ["daily/one"]
        for action in (
            lambda: put(others_store, "daily/two"),
            lambda: others_store.delete("daily/one", found.generation),
            lambda: probe(others_store),
        ):
            with pytest.raises(StoreError, match=r"[Pp]ermission denied"):
                action()
        assert names(others_store) == ["daily/one"]


def test_unreadable_folder_is_an_error_and_not_an_empty_store(others_store: FolderStore) -> None:
    with as_nobody():
        (Path(others_store.url) / "daily").chmod(0)
        with pytest.raises(StoreError, match="permission denied"):
            names(others_store)


FULL = """
import resource, signal, sys
from pathlib import Path
from shared.errors import StoreError
from shared.stores.folder import FolderStore
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    FolderStore(Path(sys.argv[1])).create("daily/big", b"x" * 200_000, {})
except StoreError as error:
    print(error)
"""


def test_full_disk_is_reported_and_leaves_no_file(store: FolderStore, root: Path) -> None:
    put(store, "daily/one")
    outcome = subprocess.run(
        [sys.executable, "-c", FULL, str(root)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "no space is left" in outcome.stdout
    assert names(store) == ["daily/one"]
    assert list((root / ".staging").iterdir()) == []


@pytest.mark.parametrize("full", [True, False])
def test_disk_full_while_staging_is_a_store_error_only_if_the_store_disk_is_full(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    def disk(path: Path) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=0 if full else 1 << 20, f_frsize=4096)

    def write() -> None:
        with store.staging_folder():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "statvfs", disk)
    with pytest.raises(StoreError if full else OSError, match=r"[Nn]o space"):
        write()


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, "free some"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, f"user id {os.geteuid()}"),
        (errno.ENAMETOOLONG, "shorter"),
        (errno.EIO, "check the disk"),
    ],
)
def test_error_names_store_action_and_remedy(code: int, hint: str) -> None:
    message = str(folder_problem(OSError(code, os.strerror(code)), "/backups", "storing daily/one"))
    assert message.startswith("storing daily/one failed in store /backups: ")
    assert hint in message
    assert "\n" not in message


def test_disk_error_while_reading_is_a_store_error(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "daily/one", b"x" * 3_000_000)
    with store.open("daily/one") as stream:
        assert stream.read(10) == b"x" * 10
        folder = os.open(root, os.O_RDONLY)
        os.dup2(folder, stream.fileno())  # reading a folder fails, as reading a bad disk does
        os.close(folder)
        with pytest.raises(StoreError, match="reading daily/one failed"):
            stream.read()


@given(st.one_of(st.text(max_size=30), st.text("ab./\\ \0%", max_size=12)))
@settings(max_examples=150, deadline=None)
def test_any_name_is_refused_or_stored_below_the_folder(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = FolderStore(Path(folder) / "store")
        try:
            put(store, name, b"x")
        except StoreError:
            assert names(store) == []
        else:
            assert names(store) == [name]
            assert read(store, name) == b"x"
        assert {path.name for path in Path(folder).iterdir()} <= {"store"}


KILLED = """
import sys, time
from pathlib import Path
from shared.stores.folder import FolderStore
with FolderStore(Path(sys.argv[1])).staging_folder() as folder:
    (folder / "half").write_bytes(b"half" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_staging_folder_of_a_killed_run_is_removed_by_the_next(store: FolderStore, root: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(root)]
    for _ in range(2):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            folder = Path(process.stdout.readline().strip())
            put(store, f"daily/while-{process.pid}-lives")
            assert (folder / "half").exists()
            process.send_signal(signal.SIGKILL)
            process.wait(30)
        assert (folder / "half").exists()
        put(store, f"daily/after-{process.pid}")
        assert list((root / ".staging").iterdir()) == []
    assert len(names(store)) == 4


def test_file_on_another_file_system_is_refused_with_the_reason(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def refuse(*args: Any, **options: Any) -> None:
        if "dst_dir_fd" not in options:
            return rename(*args, **options)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(StoreError, match="staging folder"):
        put_file(store, "daily/one", b"x")
    assert names(store) == []


def test_listing_takes_one_stat_per_file(store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("daily/app/1", "daily/app/2", "daily/other/1", "weekly/app/1"):
        put(store, name)
    examined: list[str] = []
    real = os.stat

    def stat_recorded(path: str, **options: Any) -> os.stat_result:
        examined.append(path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", stat_recorded)
    assert names(store, "daily/app/") == ["daily/app/1", "daily/app/2"]
    assert examined.count("1") == examined.count("2") == 1
    assert "other" not in examined


def test_memory_does_not_grow_with_the_file(store: FolderStore) -> None:
    with store.staging_folder() as folder:
        path = folder / "sparse"
        with path.open("wb") as file:
            file.truncate(300 << 20)
        crc = 0
        for _ in range(300):
            crc = google_crc32c.extend(crc, bytes(1 << 20))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        store.create_from_file("daily/large", path, crc, {})
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10  # KiB


def test_path_opens_a_folder_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    store = open_store("~/backups")
    assert store.url == str(tmp_path / "backups")
    put(store, "daily/one")
    monkeypatch.chdir(tmp_path)
    assert open_store("./backups").url == "backups"
    assert names(open_store("./backups")) == ["daily/one"]
