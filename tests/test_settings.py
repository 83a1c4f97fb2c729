"""Settings: valid ones are read, invalid ones are named without repeating a secret."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import UsageError
from shared.model.kinds import Kind
from shared.model.names import Format
from shared.settings import Settings, only_in_environment, read_settings

NAMES = [name.upper() for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults_apply_without_any_setting() -> None:
    settings = read_settings()
    assert settings.database_url is None
    assert settings.backup_store == "./backups"
    assert settings.backup_copy_store is None
    assert settings.backup_key == "file:./litekeep.key"
    assert settings.backup_formats == (Format.SQL, Format.SQLITE)
    assert settings.environment == "development"
    assert not settings.logs_json


def test_environment_overrides_the_dotenv_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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
def test_wrong_setting_reports_its_name_and_the_allowed_values(
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


def test_empty_setting_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUP_COPY_STORE", "")
    monkeypatch.setenv("BACKUP_FORMATS", "")
    assert read_settings().backup_copy_store is None
    assert read_settings().backup_formats == (Format.SQL, Format.SQLITE)


def test_empty_environment_variable_overrides_files_with_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("BACKUP_COPY_STORE=elsewhere\nBACKUP_MIN_KEEP=7\n")
    (tmp_path / "litekeep.toml").write_text('BACKUP_FORMATS = "sql"\n')
    assert read_settings().backup_copy_store == "elsewhere"
    for name in ("BACKUP_COPY_STORE", "BACKUP_FORMATS"):
        monkeypatch.setenv(name, "")
    settings = read_settings()
    assert (settings.backup_copy_store, settings.backup_min_keep) == (None, 7)
    assert settings.backup_formats == (Format.SQL, Format.SQLITE)
    assert only_in_environment() == ["BACKUP_COPY_STORE", "BACKUP_FORMATS"]


def test_dotenv_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
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
def test_default_retention_depends_on_environment_and_kind(
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


def test_cloud_run_logs_are_json_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_RUN_JOB", "backup")
    assert read_settings().logs_json
    monkeypatch.setenv("LOG_FORMAT", "text")
    assert not read_settings().logs_json


def test_environment_overrides_litekeep_toml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (
        'BACKUP_STORE = "gs://from-file"\nBACKUP_MIN_KEEP = 5\nBACKUP_SKIP_UNCHANGED = true\nENVIRONMENT = "staging"\n'
    )
    (tmp_path / "litekeep.toml").write_text(text + 'BACKUP_FORMATS = "sql"\nBACKUP_SCHEDULES = "daily=0 1 * * *"\n')
    (tmp_path / ".env").write_text("DATABASE_URL=app.db\nUNRELATED=1\n")
    monkeypatch.setenv("ENVIRONMENT", "production")
    settings = read_settings()
    assert (settings.backup_store, settings.backup_min_keep, settings.backup_formats) == ("gs://from-file", 5, ("sql",))
    assert (settings.backup_skip_unchanged, settings.environment, settings.database_url) == (
        True,
        "production",
        "app.db",
    )
    assert settings.backup_schedules is not None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('BACKUP_STOR = "x"', "BACKUP_STOR in litekeep.toml is not a setting"),
        ('"sqlitecloud://h?apikey=SECRET99" = "x"', "a name in litekeep.toml is not a setting"),
        ('BACKUP_STORE = ["x"]', "BACKUP_STORE in litekeep.toml is wrong"),
        ('ENVIRONMENT = "test"\nBACKUP_STORE = SECRET99', "litekeep.toml is not valid TOML at line 2"),
        ('ENVIRONMENT = "test"', "ENVIRONMENT is set in .env and in litekeep.toml"),
        ('BACKUP_KEY = "SECRET99"', "BACKUP_KEY is wrong"),
        ("x = " + "[" * 100_000, "litekeep.toml is not valid TOML"),
        ("#" * (1 << 21), "more than"),
        ("# \N{LATIN SMALL LETTER A WITH DIAERESIS}".encode("latin-1"), "litekeep.toml is not valid TOML"),
    ],
)
def test_invalid_litekeep_toml_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    (tmp_path / ".env").write_text("ENVIRONMENT=staging\n")
    (tmp_path / "litekeep.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=message) as caught:
        read_settings()
    assert "SECRET99" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_that_are_only_in_the_environment_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BACKUP_STORE=there\n")
    (tmp_path / "litekeep.toml").write_text("BACKUP_MIN_KEEP = 4\n")
    for name, value in {"BACKUP_STORE": "there", "BACKUP_MIN_KEEP": "5", "DATABASE_URL": "app.db"}.items():
        monkeypatch.setenv(name, value)
    assert only_in_environment() == ["BACKUP_MIN_KEEP", "DATABASE_URL"]


def test_key_version_in_backup_key_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    version = "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/2"
    monkeypatch.setenv("BACKUP_KEY", version)
    with pytest.raises(UsageError, match="BACKUP_KEY is wrong: it names a version of a key: leave out /cryptoKeyVersi"):
        read_settings()
