"""A sidecar that was swapped, forged or replayed opens nothing, and hides nothing that opens."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.archive.data_key import DataKey
from shared.archive.rewrapping import make_rewrapping, open_rewrapping
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.errors import KeyProblem, NotGood
from shared.keys.keyfile import KeyFile
from shared.model.manifest import parse_manifest
from shared.model.names import BackupName
from tests.operations.rekey.builders import TAKEN, Place, publish


@pytest.fixture
def two(place: Place) -> Place:
    place.rekey()
    return place


def folder(place: Place) -> Path:
    return Path(place.store.url) / "daily" / "orders"


def sidecar(place: Place, backup_id: str, number: int = 1) -> Path:
    return folder(place) / f"{backup_id}.rekey-{number}.json"


def put(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def opens(place: Place, backup_id: str, key: KeyFile) -> bool:
    catalog = Catalog(place.store)
    try:
        return open_manifest(catalog, catalog.find(backup_id), key)[1] is not None
    except (NotGood, KeyProblem):
        return False


def test_swapped_sidecars_open_nothing(two: Place) -> None:
    first, second = sidecar(two, "backup-0"), sidecar(two, "backup-1")
    one, other = first.read_bytes(), second.read_bytes()
    put(first, other)
    put(second, one)
    assert not opens(two, "backup-0", two.new())
    assert not opens(two, "backup-1", two.new())
    assert opens(two, "backup-0", two.old())


def test_a_sidecar_with_another_backups_wrapping_opens_nothing(two: Place) -> None:
    own, other = (json.loads(sidecar(two, name).read_bytes()) for name in ("backup-0", "backup-1"))
    own["encryption"] = other["encryption"]
    put(sidecar(two, "backup-0"), json.dumps(own, indent=2).encode() + b"\n")
    assert not opens(two, "backup-0", two.new())


def test_a_forgers_own_data_key_wrapped_by_the_real_key_opens_nothing_and_hides_nothing(two: Place) -> None:
    """Who may encrypt with the key can wrap a key of his own; the manifest's seal is not by that one."""
    name = next(backup.name for backup in Catalog(two.store).backups() if backup.name.id == "backup-0")
    for number in (2, 3, 999_999_999):
        put(sidecar(two, "backup-0", number), make_rewrapping(name, number, DataKey.generate(), two.new(), TAKEN))
    assert opens(two, "backup-0", two.new())
    sidecar(two, "backup-0").unlink()
    assert not opens(two, "backup-0", two.new())


def test_a_sidecar_replayed_under_a_later_number_opens_nothing(two: Place) -> None:
    put(sidecar(two, "backup-0", 7), sidecar(two, "backup-0").read_bytes())
    sidecar(two, "backup-0").unlink()
    assert not opens(two, "backup-0", two.new())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff" * 50, b"[" * 10_000, b'{"format": 2}', b"0" * 70_000],
    ids=["empty", "cut", "list", "null", "no text", "deep", "newer", "large"],
)
def test_rubbish_hides_nothing(two: Place, content: bytes) -> None:
    put(sidecar(two, "backup-0", 5), content)
    assert opens(two, "backup-0", two.new())
    assert opens(two, "backup-0", two.old())


def test_a_thousand_sidecars_of_a_forger_cost_a_bounded_number_of_tries(place: Place) -> None:
    name = publish(place.store, "target", place.old())
    forged = make_rewrapping(name, 1, DataKey.generate(), place.old(), TAKEN)
    for number in range(1, 301):
        put(sidecar(place, "target", number), forged.replace(b'"number": 1,', f'"number": {number},'.encode()))
    tries = 0

    class Counting(KeyFile):
        def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
            nonlocal tries
            tries += 1
            return super().unwrap(wrapped, context)

    assert opens(place, "target", Counting.read(place.old_path))
    assert tries <= 101


def test_a_forged_sidecar_does_not_stop_a_rekey(place: Place) -> None:
    put(sidecar(place, "backup-0", 1), b"{}")
    done = place.rekey()
    assert (len(done.done), done.failed) == (6, {})
    assert opens(place, "backup-0", place.new())


def _each_byte(content: bytes) -> Callable[[int], bytes]:
    return lambda at: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_a_flip_of_any_byte_of_a_sidecar_opens_nothing(two: Place) -> None:
    catalog = Catalog(two.store)
    backup = catalog.find("backup-0")
    raw = (folder(two) / "backup-0.manifest.json").read_bytes()
    manifest, key, content = parse_manifest(raw, backup.name), two.new(), sidecar(two, "backup-0").read_bytes()
    assert open_rewrapping(content, 1, manifest, raw, key) is not None
    changed = _each_byte(content)
    for at in range(len(content)):
        assert _opened(changed(at), manifest, raw, key) is None, at


def _opened(content: bytes, manifest: Any, raw: bytes, key: KeyFile) -> DataKey | None:
    try:
        return open_rewrapping(content, 1, manifest, raw, key)
    except NotGood:
        return None


def test_the_names_of_sidecars_are_read_exactly() -> None:
    from shared.model.names import parse  # noqa: PLC0415

    found = parse("daily/orders/a.rekey-12.json")
    assert found is not None
    assert (found.backup.id, found.role, found.number) == ("a", "rekey", 12)
    name = BackupName(found.backup.kind, "orders", "a")
    assert name.rewrapping(12) == "daily/orders/a.rekey-12.json"
    for wrong in (
        "a.rekey-0.json",
        "a.rekey-01.json",
        "a.rekey-.json",
        "a.rekey-1234567890.json",
        "a.rekey-\u0661.json",
    ):
        assert parse(f"daily/orders/{wrong}") is None
