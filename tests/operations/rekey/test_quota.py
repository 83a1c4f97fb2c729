"""Re-wrapping with a Cloud KMS whose quota is exceeded repeatedly: calls wait and are retried.

Ten thousand backups, with 50 refusals after each thousand calls, take 52 s of CPU, including the server.
"""

from pathlib import Path

import pytest

from shared.errors import KeyProblem
from shared.keys.keyfile import KeyFile
from shared.keys.kms import CloudKey
from shared.operations.rekey.run import Rekeyed, RekeyOptions, rekey
from shared.stores.folder import FolderStore
from tests.operations.rekey.builders import opened_by, publish
from tests.servers.kms.fixture import URI
from tests.servers.kms.server import KmsServer, Quota

COUNT = 200


def sidecars(store: FolderStore) -> list[str]:
    return [item.name for item in store.list_objects("daily/") if ".rekey-" in item.name]


def test_rekey_of_200_backups_over_kms_quota_can_be_resumed(kms: KmsServer, tmp_path: Path) -> None:
    store, old = FolderStore(tmp_path / "store"), KeyFile.create(tmp_path / "old.key")
    for number in range(COUNT):
        publish(store, f"backup-{number:03d}", old)

    def run() -> Rekeyed:
        new = RekeyOptions(store, lambda: old, lambda: CloudKey(URI, endpoint=kms.endpoint))
        return rekey(new)

    kms.quota = Quota(allowed=60, refused=8, stop_after=200)
    with pytest.raises(KeyProblem, match="failures of a key in a row"):
        run()
    first = len(sidecars(store))
    assert 0 < first < COUNT

    kms.calls.clear()
    kms.quota = Quota(allowed=60, refused=8)
    again = run()
    assert (len(again.done) + again.already, again.failed) == (COUNT, {})
    assert kms.quota.refusals >= 3 * 8
    probe, each_done, each_already = 2, 2, 1
    wanted = probe + each_done * len(again.done) + each_already * again.already
    assert len(kms.calls) - kms.quota.refusals == wanted  # none is called twice
    assert sorted(sidecars(store)) == [f"daily/orders/backup-{number:03d}.rekey-1.json" for number in range(COUNT)]
    kms.quota = None
    assert len(opened_by(store, CloudKey(URI, endpoint=kms.endpoint))) == COUNT
