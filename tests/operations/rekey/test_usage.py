"""`keys`: which key is needed for what. An unchecked sidecar never makes a key dispensable."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from shared.archive.data_key import DataKey
from shared.archive.rewrapping import make_rewrapping
from shared.catalog.holds import hold
from shared.catalog.listing import Catalog
from shared.keys.keyfile import KeyFile
from shared.operations.rekey.usage import KeyUsage, key_usage
from tests.operations.rekey.builders import TAKEN, Place, publish


def usage(place: Place, key: Callable[[], KeyFile] | None) -> KeyUsage:
    return key_usage(Catalog(place.store), key)


def lost(found: KeyUsage) -> dict[str, int]:
    return {key: len(use.only) for key, use in found.keys.items()}


def test_rekey_makes_either_key_dispensable(place: Place) -> None:
    old, new = place.old().name, place.new().name
    assert lost(usage(place, place.old)) == {old: 6}
    place.rekey()
    for key in (place.old, place.new):
        assert lost(usage(place, key)) == {old: 0, new: 0}


def test_usage_reports_needed_until_and_held_backups(place: Place) -> None:
    publish(place.store, "long", place.old(), keep_until=TAKEN + timedelta(days=400))
    hold(place.store, "backup-1", "evidence", "ana")
    found = usage(place, place.old).keys[place.old().name]
    assert (found.needed_until, found.held) == (TAKEN + timedelta(days=400), 1)


def test_unencrypted_and_unreadable_backups_are_counted_separately(place: Place) -> None:
    publish(place.store, "plain", None)
    (Path(place.store.url) / "daily/orders/backup-1.manifest.json").write_text("{")
    found = usage(place, place.old)
    assert (found.in_clear, list(found.unreadable)) == (1, ["daily/orders/backup-1"])
    assert lost(found) == {place.old().name: 5}


def test_rewrapping_does_not_count_without_key(place: Place) -> None:
    place.rekey()
    found = usage(place, None)
    assert lost(found) == {place.old().name: 6}
    assert len(found.unchecked) == 6


def test_forged_sidecar_does_not_make_old_key_dispensable(place: Place) -> None:
    for backup in Catalog(place.store).backups():
        forged = make_rewrapping(backup.name, 1, DataKey.generate(), place.new(), TAKEN)
        place.store.create(backup.name.rewrapping(1), forged, {})
    for key in (place.old, place.new):
        assert lost(usage(place, key))[place.old().name] == 6


def test_sidecar_that_claims_another_key_does_not_count(place: Place) -> None:
    place.rekey()
    path = Path(place.store.url) / "daily/orders/backup-0.rekey-1.json"
    document = json.loads(path.read_text())
    document["encryption"]["key"] = "file:0123456789abcdef"
    path.unlink()
    path.write_text(json.dumps(document, indent=2) + "\n")
    found = usage(place, place.old)
    assert "file:0123456789abcdef" not in found.keys
    assert len(found.keys[place.old().name].only) == 1
