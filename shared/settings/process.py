"""Environment variables that are not settings: those of the system, of Google's libraries, and for tests."""

import os
import re
from pathlib import Path

from shared.errors import UsageError

_LOOPBACK = re.compile(r"(127\.0\.0\.1|\[::1\]):[1-9]\d{0,4}", re.ASCII)
_FOR_CHILDREN = ("TMPDIR", "SQLITE_TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
_REROUTING = (
    "STORAGE_EMULATOR_HOST",
    "LITEKEEP_KMS_ENDPOINT",
    "LITEKEEP_IAP_ENDPOINT",
    "LITEKEEP_LOGGING_ENDPOINT",
    "LITEKEEP_RUN_ENDPOINT",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
)


def debug_wanted() -> bool:
    """Returns whether `DEBUG` asks for tracebacks: any value but 0, false, no and off."""
    return os.environ.get("DEBUG", "").strip().lower() not in ("", "0", "false", "no", "off")


def kms_endpoint() -> str | None:
    """Returns `LITEKEEP_KMS_ENDPOINT`: a local Cloud KMS server for tests, as 127.0.0.1:PORT, without TLS.

    It is not read from `.env`. Raises UsageError for an address of another machine.
    """
    return _loopback("LITEKEEP_KMS_ENDPOINT")


def logging_endpoint() -> str | None:
    """Returns `LITEKEEP_LOGGING_ENDPOINT`: a local Cloud Logging server for tests, like `kms_endpoint`."""
    return _loopback("LITEKEEP_LOGGING_ENDPOINT")


def iap_endpoint() -> str | None:
    """Returns `LITEKEEP_IAP_ENDPOINT`: a local server of the public keys of IAP for tests, like `kms_endpoint`."""
    return _loopback("LITEKEEP_IAP_ENDPOINT")


def run_endpoint() -> str | None:
    """Returns `LITEKEEP_RUN_ENDPOINT`: a local server of Cloud Run's API for tests, like `kms_endpoint`."""
    return _loopback("LITEKEEP_RUN_ENDPOINT")


def _loopback(name: str) -> str | None:
    endpoint = os.environ.get(name)
    if not endpoint:
        return None
    if not _LOOPBACK.fullmatch(endpoint):
        raise UsageError(f"{name} is wrong: allowed is 127.0.0.1:PORT or [::1]:PORT")
    return endpoint


def rerouted() -> list[str]:
    """Returns the names of set variables that direct Google's libraries to another store, key or identity."""
    return [name for name in _REROUTING if os.environ.get(name)]


def state_folder() -> Path | None:
    """Returns the folder for this user's state (XDG Base Directory); None without a home folder."""
    named = os.environ.get("XDG_STATE_HOME", "")
    if named.startswith("/"):
        return Path(named)
    home = os.environ.get("HOME", "")
    return Path(home) / ".local" / "state" if home.startswith("/") else None


def config_folder() -> Path:
    """Returns the folder for this user's configuration (XDG Base Directory). Raises UsageError without a home."""
    return _xdg_folder("XDG_CONFIG_HOME", ".config")


def data_folder() -> Path:
    """Returns the folder for data that programs install for this user. Raises UsageError without a home folder."""
    return _xdg_folder("XDG_DATA_HOME", ".local/share")


def _xdg_folder(name: str, below_home: str) -> Path:
    named, home = os.environ.get(name, ""), os.environ.get("HOME", "")
    if not named.startswith("/") and not home.startswith("/"):
        raise UsageError(f"HOME is not set: set it to your home folder, or {name} to a folder")
    return Path(named) if named.startswith("/") else Path(home) / below_home


def named_credentials_file() -> Path | None:
    """Returns the file that GOOGLE_APPLICATION_CREDENTIALS names, if any."""
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    return Path(named) if named else None


def google_credentials_file() -> Path | None:
    """Returns the file from which Google's libraries read credentials: the named one, or gcloud's."""
    if named := named_credentials_file():
        return named
    home = os.environ.get("HOME", "")
    folder = os.environ.get("CLOUDSDK_CONFIG") or f"{home}/.config/gcloud"
    return Path(folder) / "application_default_credentials.json"


def google_metadata_host() -> str:
    """Returns the host of the metadata server, from the variable that Google's libraries use.

    The default is an IP address, because resolving a name could delay log lines.
    """
    return os.environ.get("GCE_METADATA_HOST") or "169.254.169.254"


def environment_of_children() -> dict[str, str]:
    """Returns the environment for a confined process: temporary folder, language and time zone, but no settings."""
    kept = {name: value for name in _FOR_CHILDREN if (value := os.environ.get(name)) is not None}
    return kept | {"PYDANTIC_DISABLE_PLUGINS": "__all__"}  # searching all packages for plugins takes 10 ms


def environment_of_a_bare_machine(home: Path) -> dict[str, str]:
    """Returns an environment with `home` and Google's identity, but without settings, like on a fresh machine."""
    known = {
        name: value for name in (*_FOR_CHILDREN, *_REROUTING, "GCE_METADATA_HOST") if (value := os.environ.get(name))
    }
    credentials = google_credentials_file()
    if credentials is not None and credentials.is_file():
        known["GOOGLE_APPLICATION_CREDENTIALS"] = str(credentials.absolute())
    return known | {"HOME": str(home), "PATH": os.defpath}


def wanted_tmpdir() -> str | None:
    """Returns `TMPDIR`, or None if it is not set."""
    return os.environ.get("TMPDIR") or None
