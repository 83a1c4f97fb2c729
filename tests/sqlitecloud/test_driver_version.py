"""What we replaced in the driver is what we read: a new version of those lines has to be read again."""

import inspect
from hashlib import sha256
from importlib.metadata import version

from sqlitecloud.driver import Driver

from shared.sqlitecloud.driver import DRIVER_VERSION, HardenedDriver

_REPLACED = [
    "connect",
    "disconnect",
    "is_connected",
    "_internal_connect",
    "_internal_config_apply",
    "_internal_run_command",
    "_internal_socket_write",
    "_internal_socket_read",
    "_internal_setup_pubsub",
]
# Used as they are, so a change in them concerns us just as much.
_RELIED_ON = [
    "_internal_parse_buffer",
    "_internal_parse_number",
    "_internal_parse_value",
    "_internal_parse_array",
    "_internal_parse_rowset",
    "_internal_parse_rowset_header",
    "_internal_parse_rowset_signature",
    "_internal_parse_rowset_values",
    "_internal_serialize_array",
    "_internal_serialize_command",
    "download_database",
    "upload_database",
]
_DIGEST = "3a92973a81e3f3c6d87908be7dcce65c91ecd71351ad7ac56adec8975c479c68"


def test_the_driver_is_the_one_that_was_read() -> None:
    source = "".join(inspect.getsource(getattr(Driver, name)) for name in _REPLACED + _RELIED_ON)
    assert version("sqlitecloud") == DRIVER_VERSION
    assert sha256(source.encode()).hexdigest() == _DIGEST, (
        "read the driver's changes, then shared/sqlitecloud/driver.py"
    )


def test_every_replacement_is_in_force() -> None:
    assert {name for name in _REPLACED if name in vars(HardenedDriver)} == set(_REPLACED)
    assert all(callable(getattr(Driver, name)) for name in _REPLACED)
