"""A backup in a folder store, and a live file that was written since."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from shared.catalog.listing import Catalog
from shared.model.kinds import Kind
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.operations.rows.options import RowsOptions
from shared.sqlite.location import FileLocation
from shared.stores import open_store

MakeOptions = Callable[..., RowsOptions]


@pytest.fixture
def make_options(tmp_path: Path) -> MakeOptions:
    """Backs up a database made by the first script, runs the second on it, and returns options for its rows."""

    def make(before: str, after: str, **wanted: object) -> RowsOptions:
        path = tmp_path / "live.db"
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute(before).fetchall()
        store = open_store(str(tmp_path / "store"))
        take_backup(BackupOptions(FileLocation(path), store, None, Kind.DAILY, timedelta(days=7), "test"))
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute(after).fetchall()
        catalog = Catalog(store)
        chosen = {"table": "t"} | wanted
        return RowsOptions(catalog, catalog.find("latest"), None, target=FileLocation(path), **chosen)  # type: ignore[arg-type]

    return make


def rows_of(options: RowsOptions, query: str = "SELECT * FROM t ORDER BY 1") -> list[tuple[object, ...]]:
    assert isinstance(options.target, FileLocation)
    with closing(apsw.Connection(str(options.target.path))) as connection:
        return connection.execute(query).fetchall()
