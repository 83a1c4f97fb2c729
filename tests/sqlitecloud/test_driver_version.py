"""The driver's source that Litekeep replaces or uses is the reviewed one: a new version must be reviewed again."""

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
# Used unchanged, so a change in them must be reviewed too.
_USED = [
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


def test_driver_is_the_reviewed_version() -> None:
    source = "".join(inspect.getsource(getattr(Driver, name)) for name in _REPLACED + _USED)
    assert version("sqlitecloud") == DRIVER_VERSION
    assert sha256(source.encode()).hexdigest() == _DIGEST, (
        "review the driver's changes against shared/sqlitecloud/driver.py, then update the digest"
    )


def test_every_replaced_method_is_overridden() -> None:
    assert {name for name in _REPLACED if name in vars(HardenedDriver)} == set(_REPLACED)
    assert all(callable(getattr(Driver, name)) for name in _REPLACED)
