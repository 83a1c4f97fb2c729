"""The settings, read from the environment, `.env` or `litekeep.toml`.

A wrong setting raises a UsageError that names it and says what is wrong and what is allowed. It repeats no part of a
value that could be a secret.
"""

import os
import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared.errors import UsageError
from shared.model.kinds import Kind, default_retention
from shared.model.lengths import parse_length, parse_retention
from shared.model.log_address import is_address
from shared.model.names import WHOLE, Format
from shared.model.notify_urls import parse_heartbeat, parse_notify
from shared.model.promises import MIN_KEEP
from shared.model.schedules import Schedule, parse_schedules
from shared.redaction import why_no_path
from shared.settings.console import check_job, parse_audiences
from shared.settings.files import ENV_FILE, TOML_FILE, check_own_file, read_env_file, read_toml

DEFAULT_KEY = "file:./litekeep.key"
DEFAULT_STORE = "./backups"
SAMPLE_DATABASE = Path("sample.db")

_KMS_KEY = re.compile(r"gcp-kms://projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+", re.ASCII)
_KMS_VERSION = re.compile(_KMS_KEY.pattern + r"/cryptoKeyVersions/[1-9]\d{0,8}", re.ASCII)
_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?", re.ASCII)


class Environment(StrEnum):
    """The kinds of environments."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"
    TEST = "test"


class LogFormat(StrEnum):
    """The formats of log lines."""

    JSON = "json"
    TEXT = "text"


class Settings(BaseModel):
    """The settings, by their names in the environment. Use `read_settings` to read them; `Settings()` has defaults."""

    model_config = ConfigDict(
        alias_generator=str.upper,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    database_url: str | None = None
    backup_databases: tuple[str, ...] | None = None
    backup_store: str = DEFAULT_STORE
    backup_copy_store: str | None = None
    backup_key: str = DEFAULT_KEY
    backup_formats: tuple[Format, ...] = (Format.SQL, Format.SQLITE)
    backup_retention: dict[Kind, timedelta] = Field(default_factory=dict)
    backup_skip_unchanged: bool = False
    backup_reverify: timedelta = timedelta(days=30)
    backup_min_keep: Annotated[int, Field(ge=1, le=100)] = MIN_KEEP
    backup_schedules: dict[Kind, Schedule] | None = None
    backup_drill_sql: Path | None = None
    backup_notify: tuple[str, ...] = ()
    backup_heartbeat_url: str | None = None
    backup_policy: Path | None = None
    backup_signing_key: str | None = None
    backup_events: str | None = None
    backup_console_audiences: tuple[str, ...] = ()
    backup_console_secret: Annotated[str | None, Field(min_length=32)] = None
    backup_console_restore_job: str | None = None
    environment: Environment = Environment.DEVELOPMENT
    log_format: LogFormat | None = None
    cloud_run_job: str | None = None
    cloud_run_execution: str | None = None
    cloud_run_task_attempt: str | None = None
    google_cloud_project: str | None = None
    k_service: str | None = None
    cloud_run_task_index: Annotated[int, Field(ge=0)] = 0
    cloud_run_task_count: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="before")
    @classmethod
    def _without_line_ends(cls, values: Any) -> Any:
        """Removes the line break at the end of values, which is common in secret stores and Windows files."""
        if not isinstance(values, dict):
            return values
        return {name: value.rstrip("\r\n") if isinstance(value, str) else value for name, value in values.items()}

    @field_validator("backup_databases", mode="before")
    @classmethod
    def _databases(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        names = tuple(name.strip() for name in value.split(","))
        if not all(names) or len(set(names)) != len(names) or ("*" in names and len(names) > 1):
            raise ValueError("allowed are * or names with commas between them, each once")
        return names

    @field_validator("backup_store", "backup_copy_store")
    @classmethod
    def _store(cls, value: str | None) -> str | None:
        return None if value is None else check_store(value)

    @field_validator("backup_key")
    @classmethod
    def _key(cls, value: str) -> str:
        return check_key(value)

    @field_validator("backup_signing_key")
    @classmethod
    def _signing_key(cls, value: str | None) -> str | None:
        if value is None or _KMS_VERSION.fullmatch(value):
            return value
        if value.startswith("file:") and len(value) > 5:
            if why := why_no_path(value[5:]):
                raise ValueError(f"{why}; allowed is file:PATH")
            return value
        raise ValueError(
            "allowed are gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/NAME/cryptoKeyVersions/N, or file:PATH"
        )

    @field_validator("backup_events")
    @classmethod
    def _events(cls, value: str | None) -> str | None:
        if value is not None and not is_address(value):
            raise ValueError("allowed is gcp-logging://projects/P/logs/NAME")
        return value

    @field_validator("backup_console_audiences", mode="before")
    @classmethod
    def _audiences(cls, value: Any) -> Any:
        return parse_audiences(value) if isinstance(value, str) else value

    @field_validator("backup_console_restore_job")
    @classmethod
    def _restore_job(cls, value: str | None) -> str | None:
        return None if value is None else check_job(value)

    @field_validator("backup_formats", mode="before")
    @classmethod
    def _formats(cls, value: Any) -> Any:
        names = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
        if not names or not set(names) <= set(WHOLE) or len(set(names)) != len(names):
            raise ValueError("allowed are sql, sqlite, or sql,sqlite")
        return tuple(form for form in WHOLE if form in names)

    @field_validator("backup_retention", mode="before")
    @classmethod
    def _retention(cls, value: Any) -> Any:
        return parse_retention(value) if isinstance(value, str) else value

    @field_validator("backup_reverify", mode="before")
    @classmethod
    def _reverify(cls, value: Any) -> Any:
        return parse_length(value) if isinstance(value, str) else value

    @field_validator("backup_schedules", mode="before")
    @classmethod
    def _schedules(cls, value: Any) -> Any:
        return parse_schedules(value) if isinstance(value, str) else value

    @field_validator("backup_notify", mode="before")
    @classmethod
    def _notify(cls, value: Any) -> Any:
        return parse_notify(value) if isinstance(value, str) else value

    @field_validator("backup_heartbeat_url")
    @classmethod
    def _heartbeat(cls, value: str | None) -> str | None:
        return None if value is None else parse_heartbeat(value)

    @model_validator(mode="after")
    def _no_notifications_on_cloud_run(self) -> Self:
        if self.cloud_run_job is not None and (self.backup_notify or self.backup_heartbeat_url):
            raise ValueError("it is for machines without Cloud Monitoring: unset it on Cloud Run")
        return self

    def retention_of(self, kind: Kind) -> timedelta:
        """Returns how long backups of that kind are kept."""
        return self.backup_retention.get(kind, default_retention(self.environment)[kind])

    @property
    def logs_json(self) -> bool:
        """Whether log lines are JSON: as set, else only on Cloud Run."""
        return (self.log_format or (LogFormat.JSON if self.cloud_run_job else LogFormat.TEXT)) == LogFormat.JSON


def check_store(value: str) -> str:
    """Returns `value` if it is a valid store. Raises ValueError with what is allowed."""
    if value.startswith("gs://"):
        if not _BUCKET.fullmatch(value) or "//" in value[5:] or "/../" in value + "/":
            raise ValueError("allowed is gs://BUCKET or gs://BUCKET/PREFIX")
    elif why := why_no_path(value):
        raise ValueError(f"{why}; allowed are gs://BUCKET[/PREFIX] or a folder's path")
    return value


def check_key(value: str) -> str:
    """Returns `value` if it is a valid key. Raises ValueError with what is allowed."""
    if value == "none" or _KMS_KEY.fullmatch(value):
        return value
    if value.startswith("file:") and len(value) > 5:
        if why := why_no_path(value[5:]):
            raise ValueError(f"{why}; allowed is file:PATH")
        return value
    if value.startswith("gcp-kms://") and "/cryptoKeyVersions" in value:
        raise ValueError("it names a version of a key: leave out /cryptoKeyVersions/…, as each backup names its own")
    raise ValueError("allowed are gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/NAME, file:PATH, or none")


def read_settings(**given: Any) -> Settings:
    """Reads the settings. Those passed by name take precedence. Raises UsageError for the first wrong one."""
    check_own_file(ENV_FILE)
    check_own_file(TOML_FILE)
    try:
        return Settings(**_set_outside() | given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "a setting"
        raise UsageError(f"{name} is wrong: {first['msg'].removeprefix('Value error, ')}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f".env cannot be read: {error.__class__.__name__}; correct it or remove it") from None


def in_files(env_file: Path = ENV_FILE) -> dict[str, Any]:
    """Returns the settings in the files, as text like in the environment."""
    in_env_file = read_env_file(env_file)
    own = {name: value for name, value in in_env_file.items() if name in _names() and value}
    return own | read_toml(_names(), in_env_file)


def _set_outside() -> dict[str, Any]:
    """Returns the settings in the environment and the files. The environment takes precedence; empty means default."""
    return {name: value for name, value in (in_files() | _in_environment()).items() if value}


def _in_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _names() if name in os.environ}


def only_in_environment() -> list[str]:
    """Returns the settings whose value in the environment differs from the files: other processes would lack them."""
    stored = in_files()
    return sorted(name for name, value in _in_environment().items() if value != stored.get(name, ""))


def _names() -> frozenset[str]:
    return frozenset(map(str.upper, Settings.model_fields))


def minimal_settings() -> Settings:
    """Returns the settings of the Cloud Run job and the log format, and defaults for all others.

    They are for the failure event of a run whose settings are wrong.
    """
    names = ("CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_ATTEMPT", "GOOGLE_CLOUD_PROJECT")
    place: dict[str, Any] = {name: os.environ.get(name) or None for name in names}
    log_format = os.environ.get("LOG_FORMAT", "")
    return Settings.model_construct(**place, LOG_FORMAT=LogFormat(log_format) if log_format in set(LogFormat) else None)
