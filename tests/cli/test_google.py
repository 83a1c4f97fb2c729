"""The same commands against a bucket and Cloud KMS: real clients, real servers, on this machine."""

import json
from dataclasses import replace

import pytest

from tests.cli.conftest import Workplace
from tests.dump.equality import assert_equal
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Proxy
from tests.servers.kms.fixture import KEY, URI, kms  # noqa: F401 - fixtures
from tests.servers.kms.server import KmsServer, Right


@pytest.fixture
def in_cloud(workplace: Workplace, gcs: Proxy, bucket: str, kms: KmsServer) -> Workplace:  # noqa: F811
    return replace(
        workplace,
        environment=workplace.environment
        | {
            "STORAGE_EMULATOR_HOST": gcs.url,
            "LITEKEEP_KMS_ENDPOINT": kms.endpoint,
            "BACKUP_STORE": f"gs://{bucket}/team/app",
            "BACKUP_KEY": URI,
        },
    )


def test_a_backup_in_a_bucket_under_a_cloud_key_comes_back_equal(in_cloud: Workplace) -> None:
    document = in_cloud.good("backup", "--name", "one", "--verify", "--json").json
    assert document["verified"] is True
    for form in ("sqlite", "sql"):
        in_cloud.good("export", "--backup", "latest", "--output", f"{form}.{form}")
    in_cloud.good("restore", "--backup", "latest-verified", "--to", "new.db", "--verify")
    assert_equal(in_cloud.database, in_cloud.folder / "new.db")
    assert not in_cloud.store.exists()


def test_a_listing_reads_no_object_and_takes_one_request(in_cloud: Workplace, gcs: Proxy) -> None:  # noqa: F811
    for name in ("one", "two"):
        in_cloud.good("backup", "--name", name, "--verify", "--format", "sql")
    before = len(gcs.seen)
    items = in_cloud.good("list", "--json").json
    requests = gcs.seen[before:]
    assert [(item["id"], item["verified"]) for item in items] == [("two", True), ("one", True)]
    assert items[0]["rows"] > 0
    assert len(requests) == 1


def test_upload_gcs_is_the_copy_store(in_cloud: Workplace, bucket: str) -> None:  # noqa: F811
    in_cloud.good("backup", "--name", "one", "--store", "backups", "--upload-gcs", "--bucket", bucket)
    in_cloud.good("verify", "--backup", "one", "--store", f"gs://{bucket}")
    in_cloud.good("verify", "--backup", "one", "--store", "backups")


def test_a_backup_needs_only_the_encrypter_role_and_a_restore_only_the_decrypters(
    in_cloud: Workplace,
    kms: KmsServer,  # noqa: F811
) -> None:
    kms.rights = {Right.ENCRYPT}
    in_cloud.good("backup", "--name", "one")
    refused = in_cloud.run("restore", "--backup", "one", "--to", "new.db")
    assert refused.code == 1
    assert "ecrypt" in refused.err
    kms.rights = {Right.DECRYPT}
    in_cloud.good("restore", "--backup", "one", "--to", "new.db")
    assert in_cloud.run("backup", "--name", "two").code == 1


def test_after_a_rotation_old_backups_still_come_back(in_cloud: Workplace, kms: KmsServer) -> None:  # noqa: F811
    in_cloud.good("backup", "--name", "one")
    kms.keys[KEY].rotate()
    in_cloud.good("backup", "--name", "two")
    in_cloud.good("verify", "--all")


def test_a_disabled_key_version_is_named_and_nothing_is_restored(
    in_cloud: Workplace,
    kms: KmsServer,  # noqa: F811
) -> None:
    in_cloud.good("backup", "--name", "one")
    kms.keys[KEY].disable(1)
    outcome = in_cloud.run("restore", "--backup", "one", "--to", "new.db")
    assert outcome.code == 1
    assert not (in_cloud.folder / "new.db").exists()


def test_a_bucket_that_is_not_there_is_one_clear_line(in_cloud: Workplace) -> None:
    outcome = in_cloud.run("backup", "--store", "gs://no-such-bucket-anywhere")
    assert outcome.code == 1
    assert "no-such-bucket-anywhere" in outcome.err


def test_health_says_a_line_each_and_fails_with_any(in_cloud: Workplace) -> None:
    outcome = in_cloud.good("health", "--json")
    assert [found["ok"] for found in outcome.json] == [True, True, True, None]
    broken = in_cloud.run("health", "--json", BACKUP_KEY="file:missing.key")
    assert broken.code == 1
    assert [found["ok"] for found in json.loads(broken.out)] == [True, True, False, None]
