"""Ids of backups that are taken in the same second."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.catalog.listing import Catalog
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.sqlite.location import FileLocation
from shared.stores import open_store
from tests.sqlitecloud.conftest import make_database

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize("prefix", ["backup-", SAFETY_PREFIX])
def test_backups_of_same_second_get_distinct_ids(tmp_path: Path, prefix: str) -> None:
    make_database(tmp_path / "app.db")
    options = BackupOptions(
        location=FileLocation(tmp_path / "app.db"),
        store=open_store(str(tmp_path / "backups")),
        key=None,
        kind=Kind.ON_DEMAND,
        keep_for=timedelta(days=7),
        environment="test",
        prefix=prefix,
    )
    ids = [take_backup(options, clock=lambda: NOON).manifest.id for _ in range(3)]
    first = f"{prefix}2024-01-15-120000"
    assert ids[0] == first
    assert all(re.fullmatch(rf"{first}-[0-9a-f]{{4}}", each) for each in ids[1:])
    assert len(set(ids)) == 3
    assert [backup.name.id for backup in Catalog(options.store).backups()] == ids[::-1]
