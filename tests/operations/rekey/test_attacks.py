"""A swapped, forged or replayed sidecar opens nothing, and hides no sidecar that does."""

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
def rekeyed(place: Place) -> Place:
    place.rekey()
    return place


def folder(place: Place) -> Path:
    return Path(place.store.url) / "daily" / "orders"


def sidecar(place: Place, backup_id: str, number: int = 1) -> Path:
    return folder(place) / f"{backup_id}.rekey-{number}.json"


def overwrite(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def opens(place: Place, backup_id: str, key: KeyFile) -> bool:
    catalog = Catalog(place.store)
    try:
        return open_manifest(catalog, catalog.find(backup_id), key)[1] is not None
    except (NotGood, KeyProblem):
        return False


def test_swapped_sidecars_open_nothing(rekeyed: Place) -> None:
    first, second = sidecar(rekeyed, "backup-0"), sidecar(rekeyed, "backup-1")
    one, other = first.read_bytes(), second.read_bytes()
    overwrite(first, other)
    overwrite(second, one)
    assert not opens(rekeyed, "backup-0", rekeyed.new())
    assert not opens(rekeyed, "backup-1", rekeyed.new())
    assert opens(rekeyed, "backup-0", rekeyed.old())


def test_sidecar_with_wrapped_key_of_another_backup_opens_nothing(rekeyed: Place) -> None:
    own, other = (json.loads(sidecar(rekeyed, name).read_bytes()) for name in ("backup-0", "backup-1"))
    own["encryption"] = other["encryption"]
    overwrite(sidecar(rekeyed, "backup-0"), json.dumps(own, indent=2).encode() + b"\n")
    assert not opens(rekeyed, "backup-0", rekeyed.new())


def test_forged_data_key_wrapped_by_real_key_opens_nothing_and_hides_nothing(rekeyed: Place) -> None:
    """An attacker who may encrypt with the key can wrap a data key, but the manifest's seal does not match it."""
    name = next(backup.name for backup in Catalog(rekeyed.store).backups() if backup.name.id == "backup-0")
    for number in (2, 3, 999_999_999):
        overwrite(
            sidecar(rekeyed, "backup-0", number),
            make_rewrapping(name, number, DataKey.generate(), rekeyed.new(), TAKEN),
        )
    assert opens(rekeyed, "backup-0", rekeyed.new())
    sidecar(rekeyed, "backup-0").unlink()
    assert not opens(rekeyed, "backup-0", rekeyed.new())


def test_sidecar_replayed_under_later_number_opens_nothing(rekeyed: Place) -> None:
    overwrite(sidecar(rekeyed, "backup-0", 7), sidecar(rekeyed, "backup-0").read_bytes())
    sidecar(rekeyed, "backup-0").unlink()
    assert not opens(rekeyed, "backup-0", rekeyed.new())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff" * 50, b"[" * 10_000, b'{"format": 2}', b"0" * 70_000],
    ids=["empty", "cut", "list", "null", "no text", "deep", "newer", "large"],
)
def test_malformed_sidecar_does_not_hide_valid_ones(rekeyed: Place, content: bytes) -> None:
    overwrite(sidecar(rekeyed, "backup-0", 5), content)
    assert opens(rekeyed, "backup-0", rekeyed.new())
    assert opens(rekeyed, "backup-0", rekeyed.old())


def test_many_forged_sidecars_cost_bounded_number_of_unwraps(place: Place) -> None:
    name = publish(place.store, "target", place.old())
    forged = make_rewrapping(name, 1, DataKey.generate(), place.old(), TAKEN)
    for number in range(1, 301):
        overwrite(sidecar(place, "target", number), forged.replace(b'"number": 1,', f'"number": {number},'.encode()))
    tries = 0

    class Counting(KeyFile):
        def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
            nonlocal tries
            tries += 1
            return super().unwrap(wrapped, context)

    assert opens(place, "target", Counting.read(place.old_path))
    assert tries <= 101


def test_forged_sidecar_does_not_stop_rekey(place: Place) -> None:
    overwrite(sidecar(place, "backup-0", 1), b"{}")
    done = place.rekey()
    assert (len(done.done), done.failed) == (6, {})
    assert opens(place, "backup-0", place.new())


def _each_byte(content: bytes) -> Callable[[int], bytes]:
    return lambda at: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_sidecar_with_any_flipped_byte_opens_nothing(rekeyed: Place) -> None:
    catalog = Catalog(rekeyed.store)
    backup = catalog.find("backup-0")
    raw = (folder(rekeyed) / "backup-0.manifest.json").read_bytes()
    manifest, key, content = parse_manifest(raw, backup.name), rekeyed.new(), sidecar(rekeyed, "backup-0").read_bytes()
    assert open_rewrapping(content, 1, manifest, raw, key) is not None
    changed = _each_byte(content)
    for at in range(len(content)):
        assert _opened(changed(at), manifest, raw, key) is None, at


def _opened(content: bytes, manifest: Any, raw: bytes, key: KeyFile) -> DataKey | None:
    try:
        return open_rewrapping(content, 1, manifest, raw, key)
    except NotGood:
        return None


def test_sidecar_names_are_parsed_strictly() -> None:
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
