"""All settings and environment variables. No other package reads the environment.

`values.py` defines the settings, `files.py` reads `.env` and `litekeep.toml`, and `process.py` reads all other
environment variables.
"""

from shared.settings.process import (
    config_folder,
    data_folder,
    debug_wanted,
    environment_of_a_bare_machine,
    environment_of_children,
    google_credentials_file,
    google_metadata_host,
    iap_endpoint,
    kms_endpoint,
    logging_endpoint,
    named_credentials_file,
    rerouted,
    run_endpoint,
    state_folder,
    wanted_tmpdir,
)
from shared.settings.values import (
    DEFAULT_KEY,
    DEFAULT_STORE,
    SAMPLE_DATABASE,
    Environment,
    LogFormat,
    Settings,
    check_key,
    check_store,
    in_files,
    minimal_settings,
    only_in_environment,
    read_settings,
)

__all__ = [
    "DEFAULT_KEY",
    "DEFAULT_STORE",
    "SAMPLE_DATABASE",
    "Environment",
    "LogFormat",
    "Settings",
    "check_key",
    "check_store",
    "config_folder",
    "data_folder",
    "debug_wanted",
    "environment_of_a_bare_machine",
    "environment_of_children",
    "google_credentials_file",
    "google_metadata_host",
    "iap_endpoint",
    "in_files",
    "kms_endpoint",
    "logging_endpoint",
    "minimal_settings",
    "named_credentials_file",
    "only_in_environment",
    "read_settings",
    "rerouted",
    "run_endpoint",
    "state_folder",
    "wanted_tmpdir",
]
