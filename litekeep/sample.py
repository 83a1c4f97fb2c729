"""A sample database like that of an application, to try Litekeep with."""

import random
from contextlib import closing
from pathlib import Path

import apsw

_SCHEMA = """
CREATE TABLE __drizzle_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, created_at NUMERIC
);
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    balance REAL NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('login', 'logout', 'purchase', 'message')),
    at INTEGER NOT NULL,
    payload TEXT
);
CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    body TEXT NOT NULL,
    sent_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE audit (what TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX events_by_user ON events (user_id, at);
CREATE INDEX messages_by_user ON messages (user_id);
CREATE VIEW active_users AS
    SELECT users.id, users.name, count(*) AS events
    FROM users JOIN events ON events.user_id = users.id GROUP BY users.id;
CREATE VIRTUAL TABLE messages_search USING fts5 (body);
"""
_TRIGGER = """
CREATE TRIGGER users_audit AFTER INSERT ON users BEGIN
    INSERT INTO audit VALUES ('new user ' || NEW.id, NEW.created_at);
END;
"""
_WORDS = (
    "amber anchor basket bridge candle canvas cedar copper delta ember fable garden harbor island jasmine kernel "
    "lantern maple meadow nickel orbit paper quartz river saddle silver timber umbrella velvet willow yellow zephyr"
).split()
_USERS, _EVENTS, _MESSAGES = 4_000, 36_000, 8_000
_START = 1_700_000_000  # seconds since 1970


def make_sample(path: Path, *, scale: float = 1.0) -> int:
    """Makes the database at `path`, always with the same rows. Returns their number. `scale` 1 is about 9 MB."""
    chance = random.Random(20240115)  # noqa: S311 - the rows must be the same every time
    users, events, messages = (max(1, int(count * scale)) for count in (_USERS, _EVENTS, _MESSAGES))
    with closing(apsw.Connection(str(path))) as connection, connection:
        connection.execute(_SCHEMA)
        connection.executemany(
            "INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)",
            [(f"{chance.getrandbits(256):064x}", (_START + day * 86_400) * 1000) for day in range(3)],
        )
        connection.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)", (_user(chance, n) for n in range(1, users + 1))
        )
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
            (_event(chance, n, users) for n in range(1, events + 1)),
        )
        connection.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?)", (_message(chance, users) for _ in range(messages))
        )
        connection.execute("INSERT INTO messages_search (body) SELECT body FROM messages ORDER BY id")
        connection.execute(_TRIGGER)
        connection.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)",
            [_user(chance, users + extra) for extra in range(1, 6)],
        )
        connection.execute("PRAGMA user_version = 3")
        connection.execute("ANALYZE")
    return 3 + users + events + messages + 10


def _user(chance: random.Random, number: int) -> tuple[int, str, str, float, str]:
    name = f"{chance.choice(_WORDS)} {chance.choice(_WORDS)}".title()
    email = f"{name.replace(' ', '.').lower()}.{number}@example.com"
    return number, email, name, round(chance.uniform(0, 500), 2), _day(chance)


def _event(chance: random.Random, number: int, users: int) -> tuple[int, int, str, int, str | None]:
    kind = chance.choice(("login", "logout", "purchase", "message"))
    payload = f'{{"cents": {chance.randint(100, 99_999)}}}' if kind == "purchase" else None
    return number, chance.randint(1, users), kind, _START + number * 97, payload


def _message(chance: random.Random, users: int) -> tuple[str, int, str, str]:
    body = " ".join(chance.choices(_WORDS, k=chance.randint(5, 40)))
    body += chance.choice(("", "\n\nIt's done \N{EM DASH} see you!", "\r\nThanks"))
    return f"{chance.getrandbits(80):020x}", chance.randint(1, users), body, _day(chance)


def _day(chance: random.Random) -> str:
    return f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02} {chance.randint(0, 23):02}:00:00"
