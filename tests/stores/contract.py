"""The tests that every store must pass. A subclass provides the fixtures `store`, and `another`: opens it again."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import google_crc32c
import pytest

from shared.errors import ObjectExists, ObjectMissing, StoreError
from shared.stores import Store
from shared.stores.probe import PROBE, probe

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = [
    "lost+found",
    "", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", ".hidden", "a/.hidden/b", ".staging/x",
    "a\0b", "a\nb", "a\\b", "..\\b", "a/\x7f", "a\u2028b", "a\ud800", "x" * 256, "/".join(["d" * 200] * 5),
]  # fmt: skip
UNUSUAL = ["a b", "50%", "%2E%2E", "a%2Fb", "ü/Ω/日本", "a+b&c=d?e#f", "~", "-rf", "a:b", "'\"*", "e\u0301", "é"]


def read(store: Store, name: str, generation: str | None = None) -> bytes:
    with store.open(name, generation) as stream:
        return stream.read()


def put(store: Store, name: str, content: bytes = b"content") -> str:
    return store.create(name, content, {}).generation


def put_file(store: Store, name: str, content: bytes) -> None:
    with store.staging_folder() as folder:
        path = folder / "artifact"
        path.write_bytes(content)
        store.create_from_file(name, path, google_crc32c.value(content), {})


def names(store: Store, prefix: str = "") -> list[str]:
    return [found.name for found in store.list_objects(prefix)]


class StoreContract:
    keeps_metadata = False

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_unused_store_is_empty(self, store: Store) -> None:
        assert names(store) == []
        assert names(store, "daily/") == []

    def test_listing_begins_at_the_start_name(self, store: Store) -> None:
        for name in ("daily/a/2", "daily/b/1", "daily/b/2", "daily/b/2x", "daily/b/3", "daily/c/1"):
            put(store, name)

        def found(prefix: str, start: str) -> list[str]:
            return [each.name for each in store.list_objects(prefix, start)]

        assert found("daily/b/", "daily/b/2") == ["daily/b/2", "daily/b/2x", "daily/b/3"]
        assert found("", "daily/b/2y") == ["daily/b/3", "daily/c/1"]
        assert found("daily/a/", "daily/b") == []
        assert found("daily/c/", "daily/a") == ["daily/c/1"]

    @pytest.mark.parametrize("content", [b"", b"x", b"\0\xff\r\n" * 1000])
    def test_created_object_reads_back(self, store: Store, content: bytes) -> None:
        made = store.create("daily/app/one", content, {})
        assert read(store, "daily/app/one") == content
        assert read(store, "daily/app/one", made.generation) == content
        (listed,) = store.list_objects()
        assert (listed.name, listed.size_bytes) == ("daily/app/one", len(content))
        assert listed.generation == made.generation
        assert listed.created_at == made.created_at
        assert listed.created_at.tzinfo is not None

    def test_file_is_stored_whole(self, store: Store) -> None:
        content = bytes(range(256)) * 5000
        with store.staging_folder() as folder:
            path = folder / "artifact"
            path.write_bytes(content)
            made = store.create_from_file("daily/app/file", path, google_crc32c.value(content), {})
            assert not path.exists()
        assert made.size_bytes == len(content)
        assert read(store, "daily/app/file", made.generation) == content

    def test_file_with_wrong_checksum_is_refused(self, store: Store) -> None:
        with store.staging_folder() as folder:
            path = folder / "artifact"
            path.write_bytes(b"damaged")
            written = google_crc32c.value(b"written")
            with pytest.raises(StoreError, match="try again"):
                store.create_from_file("daily/app/file", path, written, {})
        assert names(store) == []

    def test_missing_file_is_an_error(self, store: Store) -> None:
        with store.staging_folder() as folder, pytest.raises(StoreError, match="daily/app/file"):
            store.create_from_file("daily/app/file", folder / "none", 0, {})
        assert names(store) == []

    def test_existing_object_is_never_overwritten(self, store: Store) -> None:
        generation = put(store, "daily/app/one", b"first")
        with pytest.raises(ObjectExists, match="daily/app/one"):
            store.create("daily/app/one", b"second", {})
        with store.staging_folder() as folder:
            (folder / "artifact").write_bytes(b"third")
            with pytest.raises(ObjectExists):
                store.create_from_file("daily/app/one", folder / "artifact", google_crc32c.value(b"third"), {})
        assert read(store, "daily/app/one", generation) == b"first"

    @pytest.mark.parametrize("size", [10, 9 << 20])
    def test_exactly_one_of_several_concurrent_creators_wins(self, another: Callable[[], Store], size: int) -> None:
        won: list[bytes] = []
        lost: list[BaseException] = []
        barrier = threading.Barrier(4)

        def create(content: bytes) -> None:
            store = another()
            barrier.wait()
            try:
                put_file(store, "daily/app/one", content)
                won.append(content)
            except ObjectExists as error:
                lost.append(error)

        threads = [threading.Thread(target=create, args=(bytes([65 + i]) * size,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, 3)
        assert read(another(), "daily/app/one") == won[0]

    def test_listing_is_in_byte_order_of_names(self, store: Store) -> None:
        made = ["b", "a/b", "a.b", "a/a/c", "a-b", "a0", "aé", "a/z", "Z", "a~", "a\U0001f600", "a\uffe0"]
        for name in made:
            put(store, name)
        assert names(store) == sorted(made, key=str.encode)

    def test_prefix_matches_the_name_not_a_folder(self, store: Store) -> None:
        for name in ("daily/app/1", "daily/app/2", "daily/apple/1", "daily-1", "weekly/app/1"):
            put(store, name)
        assert names(store, "daily/app/") == ["daily/app/1", "daily/app/2"]
        assert names(store, "daily/app") == ["daily/app/1", "daily/app/2", "daily/apple/1"]
        assert names(store, "daily/app/1") == ["daily/app/1"]
        assert names(store, "d") == ["daily-1", "daily/app/1", "daily/app/2", "daily/apple/1"]
        for nothing in ("x", "daily/app/1/", "/", "../", "./daily", "daily/../daily", "daily//", ".staging"):
            assert names(store, nothing) == []

    @pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:20])
    def test_name_that_escapes_the_store_is_refused(self, store: Store, name: str) -> None:
        with pytest.raises(StoreError, match="object name"):
            store.create(name, b"x", {})
        with store.staging_folder() as folder:
            (folder / "file").write_bytes(b"x")
            with pytest.raises(StoreError, match="object name"):
                store.create_from_file(name, folder / "file", google_crc32c.value(b"x"), {})
        with pytest.raises(StoreError, match="object name"):
            read(store, name)
        with pytest.raises(StoreError, match="object name"):
            store.delete(name, "1")
        assert names(store) == []

    def test_unusual_names_work(self, store: Store) -> None:
        for name in UNUSUAL:
            put(store, name, name.encode())
        assert sorted(names(store)) == sorted(UNUSUAL)
        assert [read(store, name) for name in UNUSUAL] == [name.encode() for name in UNUSUAL]
        for found in store.list_objects():
            store.delete(found.name, found.generation)
        assert names(store) == []

    def test_longest_name_is_accepted(self, store: Store) -> None:
        name = "/".join(["d" * 255] * 3 + ["e" * 132])
        put(store, name)
        assert names(store) == [name]

    def test_missing_object_raises_object_missing(self, store: Store) -> None:
        with pytest.raises(ObjectMissing, match="daily/none"):
            read(store, "daily/none")
        put(store, "daily/one")
        for name in ("daily/none", "none", "daily"):
            with pytest.raises(ObjectMissing, match=name):
                read(store, name)

    def test_reading_a_generation_never_returns_another(self, store: Store) -> None:
        old = put(store, "daily/one", b"old")
        store.delete("daily/one", old)
        new = put(store, "daily/one", b"newer")
        assert new != old
        with pytest.raises(ObjectMissing):
            read(store, "daily/one", old)
        with pytest.raises(ObjectMissing):
            read(store, "daily/one", "nonsense")
        assert read(store, "daily/one", new) == b"newer"

    def test_delete_removes_only_that_generation(self, store: Store) -> None:
        old = put(store, "daily/one", b"old")
        store.delete("daily/one", old)
        assert names(store) == []
        store.delete("daily/one", old)
        store.delete("never/was", old)
        new = put(store, "daily/one", b"newer")
        store.delete("daily/one", old)
        store.delete("daily/one", "nonsense")
        assert read(store, "daily/one", new) == b"newer"

    def test_stream_can_be_read_in_pieces_and_closed_early(self, store: Store) -> None:
        content = bytes(range(256)) * 8192
        put_file(store, "daily/one", content)
        with store.open("daily/one") as stream:
            pieces = [stream.read(1000), stream.read(1 << 20), stream.read()]
            assert stream.read(1) == b""
        assert b"".join(pieces) == content
        assert [len(piece) for piece in pieces[:2]] == [1000, 1 << 20]
        with store.open("daily/one") as stream:
            assert stream.read(3) == content[:3]
        assert stream.closed

    def test_metadata_is_kept_if_the_store_supports_it(self, store: Store) -> None:
        metadata = {"tables": "7", "schema-version": "ü 50%"}
        made = store.create("daily/one", b"x", metadata)
        expected = metadata if self.keeps_metadata else {}
        assert made.metadata == expected
        assert [found.metadata for found in store.list_objects()] == [expected]

    def test_interrupted_staging_leaves_no_object_and_no_folder(self, store: Store) -> None:
        made: list[Path] = []

        def work() -> None:
            with store.staging_folder() as folder:
                made.append(folder)
                (folder / "half").write_bytes(b"half")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            work()
        assert not made[0].exists()
        assert names(store) == []

    def test_probe_leaves_no_object(self, store: Store) -> None:
        probe(store)
        assert names(store) == []
        put(store, PROBE)  # left by a probe that was killed
        probe(store)
        assert names(store) == []
