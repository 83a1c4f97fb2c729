"""Reproducible databases like those of applications, of any size.

The prose comes from Python's own documentation, because random words compress differently from real text.
"""

import random
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import apsw

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE __drizzle_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, created_at NUMERIC
);
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    balance REAL NOT NULL DEFAULT 0,
    flags INTEGER,
    avatar BLOB,
    created_at TEXT NOT NULL
);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    payload TEXT,
    duration REAL
);
CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    body TEXT NOT NULL,
    sent_at TEXT NOT NULL
);
CREATE TABLE settings (user_id INTEGER, key TEXT, value TEXT, PRIMARY KEY (user_id, key)) WITHOUT ROWID;
CREATE VIEW active_users AS
    SELECT users.id, users.name, count(*) AS events
    FROM users JOIN events ON events.user_id = users.id GROUP BY users.id;
CREATE VIRTUAL TABLE titles USING fts5 (title);
"""
_AFTERWARDS = """
CREATE INDEX events_by_user ON events (user_id, at);
CREATE INDEX messages_by_user ON messages (user_id, sent_at);
CREATE TRIGGER users_gone AFTER DELETE ON users BEGIN DELETE FROM settings WHERE user_id = OLD.id; END;
"""
_USERS, _EVENTS, _MESSAGES, _SETTINGS, _TITLES = 620, 3_100, 1_250, 300, 120  # in a megabyte
_BATCH = 50  # megabytes
_START = 1_700_000_000  # seconds since 1970
_KINDS = ("login", "logout", "page.viewed", "purchase.completed", "message.sent", "export.requested")


def make_database(path: Path, megabytes: int) -> None:
    """Makes a database at `path` of about `megabytes` (within some percent)."""
    rows = _Rows(random.Random(20240115))
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(_SCHEMA).fetchall()
        for begin in range(0, megabytes, _BATCH):
            with connection:
                rows.fill(connection, min(_BATCH, megabytes - begin))
        connection.execute(_AFTERWARDS).fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


class _Rows:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        text = re.sub(r"[*`]+", "", "\n".join(topics[name] for name in sorted(topics)))
        self._sentences = [" ".join(found.split()) for found in re.findall(r"[A-Z][^.]{30,300}\.", text)]
        self._words = sorted(set(re.findall(r"[a-z]{4,9}", text)))
        self._users = self._events = 0

    def fill(self, connection: apsw.Connection, megabytes: int) -> None:
        chance = self._chance
        connection.execute(
            "INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)",
            (f"{chance.getrandbits(256):064x}", _START * 1000),
        )
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)", self._new_users(megabytes * _USERS))
        connection.executemany(
            "INSERT INTO events (user_id, kind, at, payload, duration) VALUES (?, ?, ?, ?, ?)",
            self._new_events(megabytes * _EVENTS),
        )
        connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", self._new_messages(megabytes * _MESSAGES))
        connection.executemany("INSERT OR IGNORE INTO settings VALUES (?, ?, ?)", self._settings(megabytes * _SETTINGS))
        connection.executemany(
            "INSERT INTO titles (title) VALUES (?)",
            ((" ".join(chance.choices(self._words, k=8)),) for _ in range(megabytes * _TITLES)),
        )

    def _new_users(self, count: int) -> Iterator[tuple[Any, ...]]:
        chance = self._chance
        for _ in range(count):
            self._users += 1
            first, last = chance.choices(self._words, k=2)
            avatar = chance.randbytes(400) if self._users % 20 == 0 else None
            yield (
                self._users,
                f"{first}.{last}{self._users}@example.com",
                f"{first} {last}".title(),
                round(chance.uniform(0, 500), 2),
                chance.getrandbits(20),
                avatar,
                self._day(),
            )

    def _new_events(self, count: int) -> Iterator[tuple[Any, ...]]:
        chance = self._chance
        for _ in range(count):
            self._events += 1
            kind = chance.choice(_KINDS)
            payload = f'{{"path":"/{chance.choice(self._words)}","ref":{chance.getrandbits(24)},"ok":true}}'
            # One duration in ten has all the digits of a double, like a measured time.
            duration = chance.random() if self._events % 10 == 0 else chance.randint(1, 9999) / 100
            at = _START + self._events * 7 + chance.randint(0, 60)
            yield chance.randint(1, self._users), kind, at, payload, duration

    def _new_messages(self, count: int) -> Iterator[tuple[Any, ...]]:
        chance = self._chance
        for _ in range(count):
            body = " ".join(chance.choices(self._sentences, k=chance.randint(1, 4)))
            if chance.random() < 0.02:
                body += "\r\nSee you \N{EM DASH} soon"
            key = f"{chance.getrandbits(128):032x}"
            dashed = f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"
            yield dashed, chance.randint(1, self._users), body, self._day()

    def _settings(self, count: int) -> Iterator[tuple[Any, ...]]:
        chance = self._chance
        for _ in range(count):
            yield chance.randint(1, self._users), chance.choice(self._words), chance.choice(("on", "off", "auto"))

    def _day(self) -> str:
        chance = self._chance
        return (
            f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02} {chance.randint(0, 23):02}"
            f":{chance.randint(0, 59):02}:{chance.randint(0, 59):02}"
        )
