"""Commands on a bucket with Cloud KMS: real clients against local servers."""

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


def test_backup_in_bucket_with_cloud_key_restores_equal(in_cloud: Workplace) -> None:
    document = in_cloud.good("backup", "--name", "one", "--verify", "--json").json
    assert document["verified"] is True
    for form in ("sqlite", "sql"):
        in_cloud.good("export", "--backup", "latest", "--output", f"{form}.{form}")
    in_cloud.good("restore", "--backup", "latest-verified", "--to", "new.db", "--verify")
    assert_equal(in_cloud.database, in_cloud.folder / "new.db")
    assert not in_cloud.store.exists()


def test_list_takes_one_request_and_reads_no_object(in_cloud: Workplace, gcs: Proxy) -> None:  # noqa: F811
    for name in ("one", "two"):
        in_cloud.good("backup", "--name", name, "--verify", "--format", "sql")
    before = len(gcs.seen)
    items = in_cloud.good("list", "--json").json
    requests = gcs.seen[before:]
    assert [(item["id"], item["verified"]) for item in items] == [("two", True), ("one", True)]
    assert items[0]["rows"] > 0
    assert len(requests) == 1


def test_upload_gcs_sets_the_copy_store(in_cloud: Workplace, bucket: str) -> None:  # noqa: F811
    in_cloud.good("backup", "--name", "one", "--store", "backups", "--upload-gcs", "--bucket", bucket)
    in_cloud.good("verify", "--backup", "one", "--store", f"gs://{bucket}")
    in_cloud.good("verify", "--backup", "one", "--store", "backups")


def test_backup_needs_only_encrypter_role_and_restore_only_decrypter_role(
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


def test_old_backups_restore_after_key_rotation(in_cloud: Workplace, kms: KmsServer) -> None:  # noqa: F811
    in_cloud.good("backup", "--name", "one")
    kms.keys[KEY].rotate()
    in_cloud.good("backup", "--name", "two")
    in_cloud.good("verify", "--all")


def test_disabled_key_version_is_named_and_nothing_is_restored(
    in_cloud: Workplace,
    kms: KmsServer,  # noqa: F811
) -> None:
    in_cloud.good("backup", "--name", "one")
    kms.keys[KEY].disable(1)
    outcome = in_cloud.run("restore", "--backup", "one", "--to", "new.db")
    assert outcome.code == 1
    assert not (in_cloud.folder / "new.db").exists()


def test_missing_bucket_is_one_error_line(in_cloud: Workplace) -> None:
    outcome = in_cloud.run("backup", "--store", "gs://no-such-bucket-anywhere")
    assert outcome.code == 1
    assert "no-such-bucket-anywhere" in outcome.err


def test_health_prints_a_line_per_check_and_fails_if_one_fails(in_cloud: Workplace) -> None:
    outcome = in_cloud.good("health", "--json")
    assert [found["ok"] for found in outcome.json] == [True, True, True, None]
    broken = in_cloud.run("health", "--json", BACKUP_KEY="file:missing.key")
    assert broken.code == 1
    assert [found["ok"] for found in json.loads(broken.out)] == [True, True, False, None]
