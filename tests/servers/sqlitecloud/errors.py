"""Error replies, `-LEN CODE:EXT:OFF TEXT`, and exceptions that end a connection."""

MEMORY = 10000
NOT_FOUND = 10001
COMMAND = 10002
INTERNAL = 10003
AUTH = 10004
GENERIC = 10005
RAFT = 10006
NOT_A_DATABASE = 26


class Refusal(Exception):
    """An error reply. `code` is a SQLite result code below 10000 or a platform code from 10000 on;
    `ext` is the extended code; `offset` is the byte in the SQL text, or -1."""

    def __init__(self, code: int, text: str, *, ext: int = 0, offset: int = -1) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.ext = ext
        self.offset = offset


class Malformed(Exception):
    """A malformed request: the server drops the connection without a reply."""


class Hangup(Exception):
    """Closes the connection at once; `reset` sends a TCP reset instead of a normal end."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__("hang up")
        self.reset = reset


def no_such_database(name: str) -> Refusal:
    return Refusal(NOT_FOUND, f"Database {name} does not exist.")


def database_exists(name: str) -> Refusal:
    return Refusal(GENERIC, f"Database {name} already exists.")


def not_a_database() -> Refusal:
    return Refusal(NOT_A_DATABASE, "file is not a database", ext=NOT_A_DATABASE)
