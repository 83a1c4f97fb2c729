"""A listing only hints at a path: the manifests decide, and objects changed since are read again."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from shared.catalog.opening import open_manifest
from shared.catalog.paths import manifests_below, with_paths
from shared.continuous.path import Parents, path_to
from shared.errors import NotGood
from shared.keys.keyfile import KeyFile
from shared.stores import StoredObject
from shared.stores.gcs import BucketStore, Patience
from tests.continuous.yard import Yard
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port
from tests.servers.gcs.proxy import Change, Proxy, Seen, flipped

__all__ = ["bucket", "gcs", "gcs_port"]

POINTS = 5


@pytest.fixture
def chain(tmp_path: Path, gcs: Proxy, bucket: str) -> Yard:
    """A base and points in a bucket."""
    yard = Yard(tmp_path, KeyFile.create(tmp_path / "app.key"))
    yard.store = BucketStore(bucket, patience=Patience(first_delay=0.001, request=2, chunk=2))
    yard.cycle()
    for number in range(1, POINTS + 1):
        yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {number}")
    return yard


def _path(yard: Yard, listed: list[StoredObject]) -> list[str]:
    manifest, data_key = open_manifest(yard.catalog, yard.points()[-1], yard.key)
    return [step.manifest.id for step in path_to(yard.store, manifest, data_key, Parents(yard.key, listed))]


def _replaced(yard: Yard, item: StoredObject, content: bytes | None = None) -> None:
    """Delete an object and create it again, with other bytes if given."""
    with yard.store.open(item.name) as stream:
        content = content or stream.read()
    yard.store.delete(item.name, item.generation)
    yard.store.create(item.name, content, item.metadata)


def test_listing_returns_manifests_of_the_path_nearest_first(chain: Yard) -> None:
    *below, newest = chain.points()
    assert manifests_below(newest) == [backup.manifest for backup in reversed(below)]
    assert manifests_below(below[0]) == []


def test_wrong_listing_hints_do_not_change_the_path(chain: Yard) -> None:
    """Missing, additional and misordered hints."""
    wanted = [backup.name.id for backup in chain.points()]
    items = [backup.manifest for backup in chain.points()]
    others = [item for item in chain.store.list_objects() if item not in items]
    for listed in ([], items, items[1:3], items * 2, others, [*others, *items]):
        assert _path(chain, listed) == wanted


def test_manifest_replaced_after_listing_is_read_again(chain: Yard) -> None:
    listed = manifests_below(chain.points()[-1])
    wanted = _path(chain, listed)
    _replaced(chain, listed[1])
    assert _path(chain, listed) == wanted
    _replaced(chain, next(iter(chain.store.list_objects(listed[2].name))), b"{}")
    with pytest.raises(NotGood, match="cannot be rebuilt: its parent"):
        _path(chain, listed)


@pytest.mark.parametrize("end", [".manifest.json", ".index.enc", ".pages.zst.enc"])
def test_bytes_damaged_in_transit_are_read_again(chain: Yard, gcs: Proxy, end: str) -> None:
    newest = chain.points()[-1]
    below = manifests_below(newest)[1].name.removesuffix(".manifest.json")

    def is_of_the_path(seen: Seen) -> bool:
        return seen.is_media and seen.path.endswith(end) and below.rsplit("/", 1)[-1] in seen.path

    fault = Change(is_of_the_path, flipped)
    gcs.faults.append(fault)
    assert chain.rebuilt(newest) == chain.was[newest.name.id]
    assert not fault.takes(Seen("GET", f"/download/x/{below.rsplit('/', 1)[-1]}{end}?alt=media", {}, b""))


def test_cycle_reads_each_object_of_its_path_once(chain: Yard, gcs: Proxy) -> None:
    """This includes the manifest of the newest point, which is the parent."""
    asked = len(gcs.seen)
    chain.point("UPDATE t SET x = randomblob(300) WHERE id = 99")
    read = Counter(seen.path.rsplit("/", 1)[-1] for seen in gcs.seen[asked:] if seen.is_media)
    assert len(read) == 2 * (POINTS + 1)
    assert set(read.values()) == {1}


def test_listing_with_circular_points_has_no_path(chain: Yard) -> None:
    one, other, *_ = chain.points()[1:]
    circle = [
        replace(each, builds_on=None, missing=None, summary=replace(each.summary, needs=(needed.name.id,)))
        for each, needed in ((one, other), (other, one))
        if each.summary
    ]
    assert len(circle) == 2
    found = with_paths(circle)
    assert all("builds on" in (backup.wrong or "") for backup in found)
    assert all(len(manifests_below(backup)) <= 1 for backup in found)
