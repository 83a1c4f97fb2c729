"""TEST: one reply of every type, with the contents that the drivers' test suites expect."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.errors import COMMAND, Refusal
from tests.servers.sqlitecloud.grammar import Arguments, command
from tests.servers.sqlitecloud.keywords import KEYWORDS
from tests.servers.sqlitecloud.rowsets import Shape, encode, table
from tests.servers.sqlitecloud.wire import Reply

if TYPE_CHECKING:
    from tests.servers.sqlitecloud.session import Session

_JSON = {
    "msg-from": {"class": "soldier", "name": "Wixilav"},
    "msg-to": {"class": "supreme-commander", "name": "[Redacted]"},
    "msg-type": ["0xdeadbeef", "irc log"],
    "msg-log": [
        "soldier: Boss there is a slight problem with the piece offering to humans",
        "supreme-commander: Explain yourself soldier!",
        "soldier: Well they don't seem to move anymore...",
        "supreme-commander: Oh snap, I came here to see them twerk!",
    ],
}
_FIXED: dict[str, bytes] = {
    "STRING": wire.string("Hello World, this is a test string."),
    "STRING0": wire.string(""),
    "ZERO_STRING": wire.zero_string("Hello World, this is a zero-terminated test string."),
    "INTEGER": wire.integer(123456),
    "INT64": wire.integer(2**63 - 1),
    "FLOAT": wire.real(3.1415926),
    "BLOB": wire.blob(bytes(number % 256 for number in range(1000))),
    "BLOB0": wire.blob(b""),
    "JSON": wire.json_text(_JSON),
    "NULL": wire.NULL,
    "COMMAND": wire.client_command("PING"),
    "ARRAY": wire.array(["Hello World", 123456, 3.1415, None, bytes(range(10))]),
    "ARRAY0": wire.array([]),
    "ERROR": wire.error(Refusal(66666, "This is a test error message with a devil error code.")),
    "EXTERROR": wire.error(
        Refusal(66666, "This is a test error message with an extcode and a devil error code.", ext=333)
    ),
}
_KEY_ROWS = 41
_WORDS = table(["key"], [(word,) for word in KEYWORDS])
_PAIRS = table(["key", "value"], [(f"key{number}", f"value{number}") for number in range(_KEY_ROWS)])
_ALL_IN_ONE = Shape(chunk=1 << 30)
_ONE_ROW_EACH = Shape(max_rows=1)
_SHAPED: dict[str, Callable[[], Reply]] = {
    "ROWSET": lambda: encode(_PAIRS, _ALL_IN_ONE),
    "ROWSET_CHUNK": lambda: encode(_WORDS, _ONE_ROW_EACH),
    "ROWSET_CHUNK_COMPRESSED": lambda: encode(_WORDS, replace(_ONE_ROW_EACH, compress_above=0)),
    "ROWSET_NOCHUNK": lambda: encode(_WORDS, _ALL_IN_ONE),
    "ROWSET_NOCHUNK_COMPRESSED": lambda: encode(_WORDS, replace(_ALL_IN_ONE, compress_above=0)),
}


@command("TEST <name> [COMPRESSED]")
def test(session: "Session", given: Arguments) -> Reply:
    name = given.text("name").upper()
    if name in _FIXED:
        return _FIXED[name]
    if given.has("COMPRESSED") and f"{name}_COMPRESSED" in _SHAPED:
        name += "_COMPRESSED"
    if name not in _SHAPED:
        raise Refusal(COMMAND, f"Unable to find command TEST {given.text('name')}")
    return _SHAPED[name]()
