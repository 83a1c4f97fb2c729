"""Opens the parts of an operation from settings: source, stores, key, event log."""

import atexit
import sys
from pathlib import Path
from typing import TextIO

import click

from shared.catalog.checker import Checker
from shared.catalog.listing import Catalog
from shared.databases.location import parse_location
from shared.errors import KeyProblem, UsageError
from shared.events.audit_file import append, audit_path, log_path, open_log
from shared.events.log import EventLog
from shared.keys import WrappingKey, open_key
from shared.model.trail_names import BESIDE_TRAIL
from shared.settings import DEFAULT_KEY, SAMPLE_DATABASE, Environment, Settings, state_folder
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.connection_string import Address, parse_connection_string
from shared.sqlitecloud.location import CloudLocation
from shared.stores import open_store
from shared.terminal.identity import origin_of
from shared.terminal.notify import notify_of_run
from shared.terminal.own_project import with_project_credentials
from shared.terminal.policy import check_database
from shared.terminal.remote import sender_of
from shared.terminal.trail import trail_of

_SEAL_CHECK_PATIENCE = 10.0  # seconds


def source_of(settings: Settings) -> FileLocation | CloudLocation:
    """Returns the database of DATABASE_URL, or the sample database if it exists. Raises UsageError."""
    if settings.database_url is not None:
        return location_of(settings.database_url, settings, "DATABASE_URL")
    if SAMPLE_DATABASE.exists():
        return FileLocation(SAMPLE_DATABASE)
    raise UsageError(
        "DATABASE_URL is not set: set it to a path or sqlitecloud://…, or run make backup for a sample database"
    )


def location_of(url: str, settings: Settings, what: str = "--to") -> FileLocation | CloudLocation:
    """Parses a location, and checks it against the settings and the policy: production requires TLS.

    `what` is the flag or setting named in errors. Raises UsageError, NotPermitted.
    """
    own = with_project_credentials(url, settings.database_url)
    found = parse_location(own, allow_insecure=_allow_insecure(settings), what=what)
    check_database(settings, found.display, what)
    return found


def project_of(settings: Settings) -> Address:
    """Returns the SQLite Cloud project of DATABASE_URL, which may name a database or not. Raises UsageError."""
    url = settings.database_url or ""
    if url[:12].lower() != "sqlitecloud:":
        raise UsageError("BACKUP_DATABASES needs a DATABASE_URL that begins with sqlitecloud://")
    address = parse_connection_string(url, allow_insecure=_allow_insecure(settings), what="DATABASE_URL").address
    check_database(settings, f"{address.display}/", "DATABASE_URL")
    return address


def _allow_insecure(settings: Settings) -> bool:
    return settings.environment is not Environment.PRODUCTION


def key_of(settings: Settings, *, may_create: bool = False) -> WrappingKey | None:
    """Returns the key of BACKUP_KEY. With `may_create`, creates the default key file if none is configured."""
    default = Path(DEFAULT_KEY.removeprefix("file:"))
    if may_create and "backup_key" not in settings.model_fields_set and not default.exists():
        from shared.keys.keyfile import KeyFile  # noqa: PLC0415 - Tink is slow to import

        _check_may_last(settings)
        KeyFile.create(default)
        warning = f"NEW KEY {default.resolve()}: copy it to a safe place NOW; without it no backup can ever be read"
        click.secho(warning, fg="yellow", bold=True, err=True)
    return open_key(settings.backup_key)


def catalog_of(settings: Settings) -> Catalog:
    """Returns the catalog of BACKUP_STORE. It uses the key to check the seals of `latest-verified`."""
    return Catalog(open_store(settings.backup_store), check=Checker(lambda: key_of(settings)))


def seal_key_of(settings: Settings) -> WrappingKey | None:
    """Returns the key for optional seal checks, with a short timeout for Cloud KMS. Raises LitekeepError."""
    return open_key(settings.backup_key, patience=_SEAL_CHECK_PATIENCE)


def _check_may_last(settings: Settings) -> None:
    """Raises KeyProblem if a new default key would be lost with this machine, or would not be the store's key."""
    if settings.cloud_run_job is not None or settings.environment is Environment.PRODUCTION:
        raise KeyProblem(
            "BACKUP_KEY is not set, and a default key would be lost with this machine: make one with litekeep keygen "
            "PATH, keep a copy elsewhere, and set BACKUP_KEY=file:PATH or gcp-kms://…"
        )
    store = open_store(settings.backup_store)
    if any(item.name.endswith(".enc") for item in store.list_objects(start=BESIDE_TRAIL)):
        raise KeyProblem(
            f"BACKUP_KEY is not set, there is no {DEFAULT_KEY} here, and {store.url} holds backups under a key: set "
            "BACKUP_KEY to that key, or run in the folder where it is"
        )


def event_log(settings: Settings, *, result_on_stdout: bool, trail: bool = True) -> EventLog:
    """Returns the event log of a run.

    It writes JSON lines to stdout in a Cloud Run job; elsewhere, or if stdout carries a JSON document, to stderr. Audit
    events are also written to the store unless `trail` is false, and outside Cloud Run to a file of this user.
    """
    to_stdout = events_own_stdout(settings) and not result_on_stdout
    in_cloud_run = settings.cloud_run_job is not None
    path = None if in_cloud_run else audit_path(state_folder())
    return EventLog(
        sys.stdout if to_stdout else _log_stream(),
        as_json=settings.logs_json,
        origin=origin_of(settings) if settings.logs_json else None,
        keep_audit=None if in_cloud_run else lambda line: append(path, line),
        on_event=notify_of_run(settings),
        trail=trail_of(settings) if trail else None,
        send=sender_of(settings),
    )


def _log_stream() -> TextIO:
    """Returns stderr, or the log file if stderr is a terminal and --verbose is not given."""
    path = log_path(state_folder())
    if not sys.stderr.isatty() or path is None or "--verbose" in sys.argv[1:]:
        return sys.stderr
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = open_log(path)
    except OSError:
        return sys.stderr
    atexit.register(log.close)
    return log


def events_own_stdout(settings: Settings) -> bool:
    """Returns whether stdout is reserved for events, as it is in a Cloud Run job."""
    return settings.cloud_run_job is not None and settings.logs_json


def database_of(settings: Settings) -> str | None:
    """Returns the database that a REF refers to by default: that of DATABASE_URL, if it is set."""
    try:
        return source_of(settings).database
    except UsageError:
        if settings.database_url is not None:
            raise
        return None
