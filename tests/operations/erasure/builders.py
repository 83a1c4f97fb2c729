"""Erasures for tests, without a store, recorded from the schema of a database."""

import secrets
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import apsw

from shared.operations.erasure.entry import Erasure, Hasher, hash_values
from shared.operations.erasure.plan import plan_erasure

HASHER = Hasher(secrets.token_bytes(32), 7)
RECORDED = datetime(2026, 11, 28, tzinfo=UTC)


def recorded(
    path: Path, table: str, column: str, values: Sequence[str], also: Sequence[str] = (), number: int = 1
) -> Erasure:
    with closing(apsw.Connection(str(path))) as connection:
        plan = plan_erasure(connection, table, column, also)
    hashes, coarse = hash_values(HASHER, values, fold=any(place.fold for place in plan.places))
    return Erasure(
        id=f"erase-{number}",
        number=number,
        database="app.db",
        recorded_at=RECORDED,
        recorded_by="test",
        reason="Art. 17",
        places=plan.places,
        links=plan.links,
        values=len(values),
        hashes=hashes,
        filter=coarse,
    )


def database(path: Path, *statements: str) -> Path:
    with closing(apsw.Connection(str(path))) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(apsw.Connection(str(path))) as connection:
        return connection.execute(sql).fetchall()


def traces(path: Path, value: str) -> list[str]:
    """Returns the encodings in which the bytes of a value are anywhere in the file."""
    content = path.read_bytes()
    return [codec for codec in ("utf-8", "utf-16-le", "utf-16-be") if value.encode(codec) in content]
