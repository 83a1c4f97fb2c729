"""`keys`: which key is needed for what. A sidecar that was not checked never makes a key look dispensable."""

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


def test_before_a_rekey_all_is_lost_with_the_old_key_and_after_it_nothing_with_either(place: Place) -> None:
    old, new = place.old().name, place.new().name
    assert lost(usage(place, place.old)) == {old: 6}
    place.rekey()
    for key in (place.old, place.new):
        assert lost(usage(place, key)) == {old: 0, new: 0}


def test_it_says_until_when_the_key_is_needed_and_what_is_held(place: Place) -> None:
    publish(place.store, "long", place.old(), keep_until=TAKEN + timedelta(days=400))
    hold(place.store, "backup-1", "evidence", "ana")
    found = usage(place, place.old).keys[place.old().name]
    assert (found.needed_until, found.held) == (TAKEN + timedelta(days=400), 1)


def test_backups_in_clear_and_damaged_manifests_are_counted_apart(place: Place) -> None:
    publish(place.store, "plain", None)
    (Path(place.store.url) / "daily/orders/backup-1.manifest.json").write_text("{")
    found = usage(place, place.old)
    assert (found.in_clear, list(found.unreadable)) == (1, ["daily/orders/backup-1"])
    assert lost(found) == {place.old().name: 5}


def test_without_the_key_a_rewrapping_does_not_count(place: Place) -> None:
    place.rekey()
    found = usage(place, None)
    assert lost(found) == {place.old().name: 6}
    assert len(found.unchecked) == 6


def test_a_forged_sidecar_does_not_make_the_old_key_look_dispensable(place: Place) -> None:
    for backup in Catalog(place.store).backups():
        forged = make_rewrapping(backup.name, 1, DataKey.generate(), place.new(), TAKEN)
        place.store.create(backup.name.rewrapping(1), forged, {})
    for key in (place.old, place.new):
        assert lost(usage(place, key))[place.old().name] == 6


def test_a_sidecar_that_claims_another_key_does_not_count(place: Place) -> None:
    place.rekey()
    path = Path(place.store.url) / "daily/orders/backup-0.rekey-1.json"
    document = json.loads(path.read_text())
    document["encryption"]["key"] = "file:0123456789abcdef"
    path.unlink()
    path.write_text(json.dumps(document, indent=2) + "\n")
    found = usage(place, place.old)
    assert "file:0123456789abcdef" not in found.keys
    assert len(found.keys[place.old().name].only) == 1
