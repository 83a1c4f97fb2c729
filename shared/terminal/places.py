"""Opens the places of a comparison for `diff` and the console: the store, the key, and the live database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shared.errors import UsageError
from shared.operations.diff.sides import LIVE, Place
from shared.settings import Settings
from shared.terminal.audit import audited
from shared.terminal.erasures import emit_erasures, erasure_options
from shared.terminal.parts import catalog_of, database_of, event_log, key_of, source_of


@contextmanager
def comparing(
    settings: Settings, action: str, sides: Sequence[str], database: str | None, *, as_json: bool
) -> Iterator[Place]:
    """Yields the places for comparing `sides`. Writes an audit event, because a comparison reads rows."""
    live = source_of(settings) if LIVE in sides else None
    log = event_log(settings, result_on_stdout=as_json)
    with audited(log, settings, action, " ".join(sides), database=database):
        yield Place(
            catalog=catalog_of(settings),
            key=None if set(sides) == {LIVE} else key_of(settings),
            live=live,
            database=database or _database(settings),
            erasures=erasure_options(settings, without=False, absent=()),
            on_erased=lambda name, erased: emit_erasures(log, name, name.id, action, erased),
        )


def _database(settings: Settings) -> str | None:
    try:
        return database_of(settings)
    except UsageError:
        return None
