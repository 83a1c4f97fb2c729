"""A default key is created only where it lasts and no other key is in use."""

from shared.keys.signing import open_signer
from shared.statements.public_key import PublicKey
from tests.cli.conftest import Workplace


def test_keygen_creates_the_folder_of_its_file(workplace: Workplace) -> None:
    workplace.good("keygen", "etc/litekeep/backup.key")
    path = workplace.folder / "etc/litekeep/backup.key"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_no_default_key_is_created_in_production_or_on_cloud_run(workplace: Workplace) -> None:
    for settings in ({"ENVIRONMENT": "production"}, {"CLOUD_RUN_JOB": "backup", "LOG_FORMAT": "text"}):
        outcome = workplace.run("backup", **settings)
        assert outcome.code == 1
        assert "BACKUP_KEY is not set" in outcome.err
    assert not (workplace.folder / "litekeep.key").exists()


def test_no_default_key_is_created_for_a_store_with_encrypted_backups(workplace: Workplace) -> None:
    workplace.good("backup")
    (workplace.folder / "litekeep.key").rename(workplace.folder / "elsewhere.key")
    outcome = workplace.run("backup")
    assert outcome.code == 1
    assert "holds backups under a key" in outcome.err
    assert not (workplace.folder / "litekeep.key").exists()
    workplace.good("backup", BACKUP_KEY="file:elsewhere.key")


def test_restore_without_target_names_missing_to(workplace: Workplace) -> None:
    workplace.good("backup")
    outcome = workplace.run("restore", "--backup", "latest", "--database", "app.db", DATABASE_URL="")
    assert outcome.code == 2
    assert "--to is missing" in outcome.err


def test_time_before_the_first_backup_names_the_oldest(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "first")
    outcome = workplace.run("restore", "--at", "2001-01-01T00:00:00Z", "--to", "x.db")
    assert outcome.code == 1
    assert "the oldest is first" in outcome.err


def test_keygen_signing_prints_only_the_public_key_on_stdout(workplace: Workplace) -> None:
    outcome = workplace.good("keygen", "--signing", "ana.key")
    public = PublicKey.read(outcome.out)
    assert open_signer(f"file:{workplace.folder}/ana.key").public == public
    assert (workplace.folder / "ana.key").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in outcome.out + outcome.err
    assert workplace.run("keygen", "--signing", "ana.key").code == 2
    document = workplace.good("keygen", "--signing", "ben.key", "--json").json
    assert PublicKey.read(document["public_key"]).id == document["key_id"] != public.id
