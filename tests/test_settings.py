"""Settings: what is right is read, what is wrong names itself and shows no secret."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import UsageError
from shared.model.kinds import Kind
from shared.model.names import Format
from shared.settings import Settings, read_settings

NAMES = [name.upper() for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_the_defaults_of_the_contract_hold() -> None:
    settings = read_settings()
    assert settings.database_url is None
    assert settings.backup_store == "./backups"
    assert settings.backup_copy_store is None
    assert settings.backup_key == "file:./litekeep.key"
    assert settings.backup_formats == (Format.SQL, Format.SQLITE)
    assert settings.environment == "development"
    assert not settings.logs_json


def test_a_dotenv_file_works_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BACKUP_STORE=gs://from-file\nENVIRONMENT=staging\n")
    monkeypatch.setenv("ENVIRONMENT", "production")
    settings = read_settings()
    assert (settings.backup_store, settings.environment) == ("gs://from-file", "production")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKUP_STORE", "s3://bucket"),
        ("BACKUP_STORE", "gs://"),
        ("BACKUP_STORE", "gs://UPPER"),
        ("BACKUP_STORE", "gs://bucket/../other"),
        ("BACKUP_STORE", "gs://bucket//x"),
        ("BACKUP_COPY_STORE", "http://x"),
        ("BACKUP_KEY", "secret-passphrase"),
        ("BACKUP_KEY", "file:"),
        ("BACKUP_KEY", "gcp-kms://projects/p"),
        ("BACKUP_KEY", "None"),
        ("BACKUP_SIGNING_KEY", "secret-passphrase"),
        ("BACKUP_SIGNING_KEY", "file:"),
        ("BACKUP_SIGNING_KEY", "none"),
        ("BACKUP_SIGNING_KEY", "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k"),
        ("BACKUP_SIGNING_KEY", "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/0"),
        ("BACKUP_FORMATS", "sql,tar"),
        ("BACKUP_FORMATS", "sql,sql"),
        ("BACKUP_RETENTION", "daily"),
        ("BACKUP_RETENTION", "daily=30"),
        ("BACKUP_RETENTION", "daily=d"),
        ("BACKUP_RETENTION", "daily=0d"),
        ("BACKUP_RETENTION", "hourly=3d"),
        ("BACKUP_RETENTION", "daily=3d,daily=4d"),
        ("BACKUP_RETENTION", "daily=3d,"),
        ("ENVIRONMENT", "prod"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_setting_names_itself_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        read_settings()
    message = str(caught.value)
    assert message.startswith(f"{name} is wrong: ")
    assert "allowed" in message or "should be" in message
    assert "\n" not in message
    if name in ("BACKUP_KEY", "BACKUP_SIGNING_KEY"):
        assert "passphrase" not in message


def test_a_setting_that_is_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUP_COPY_STORE", "")
    monkeypatch.setenv("BACKUP_FORMATS", "")
    assert read_settings().backup_copy_store is None
    assert read_settings().backup_formats == (Format.SQL, Format.SQLITE)


def test_a_dotenv_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="env"):
        read_settings()


@pytest.mark.parametrize(
    ("environment", "kind", "days"),
    [
        ("production", Kind.DAILY, 30),
        ("production", Kind.WEEKLY, 90),
        ("production", Kind.CONTINUOUS, 7),
        ("staging", Kind.DAILY, 7),
        ("development", Kind.WEEKLY, 7),
        ("test", Kind.PRE_DEPLOYMENT, 30),
        ("production", Kind.ON_DEMAND, 30),
        ("development", Kind.MILESTONE, 365),
    ],
)
def test_retention_is_the_contracts_table(
    monkeypatch: pytest.MonkeyPatch, environment: str, kind: Kind, days: int
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)
    assert read_settings().retention_of(kind) == timedelta(days=days)


def test_retention_can_be_overridden_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUP_RETENTION", "daily=12h, weekly=8w")
    settings = read_settings()
    assert settings.retention_of(Kind.DAILY) == timedelta(hours=12)
    assert settings.retention_of(Kind.WEEKLY) == timedelta(weeks=8)
    assert settings.retention_of(Kind.MILESTONE) == timedelta(days=365)


def test_on_cloud_run_logs_are_json_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_RUN_JOB", "backup")
    assert read_settings().logs_json
    monkeypatch.setenv("LOG_FORMAT", "text")
    assert not read_settings().logs_json
