"""Cycles on a SQLite Cloud database: points of changes, and marks without changes."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from shared.databases.snapshot import take_snapshot
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import Taken
from shared.operations.continuous.cycle import Quiet
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.run import restore
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation
from tests.continuous.yard import NUMBERS, Yard
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME, address_of, make_database
from tests.sqlitecloud_server.raw import Raw


@dataclass
class CloudYard(Yard):
    """A yard whose database is on a node."""

    node: Server | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.node is not None
        self.location = CloudLocation(address_of(self.node), NAME)

    @property
    def options(self) -> BackupOptions:
        return BackupOptions(**(super().options.__dict__ | {"location": self.location}))

    def write(self, sql: str) -> None:
        assert self.node is not None
        if sql.startswith("UPDATE"):
            with Raw(self.node, NAME) as raw:
                assert raw.ask(sql).startswith(b"=")

    def image(self) -> bytes:
        copy = self.folder / "looked-at"
        take_snapshot(self.location, copy)
        try:
            return copy.read_bytes()
        finally:
            copy.unlink()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CloudYard]:
    folder = tmp_path / "node"
    folder.mkdir()
    make_database(folder / NAME)
    with closing(apsw.Connection(str(folder / NAME))) as connection:
        connection.execute(f"CREATE TABLE more AS {NUMBERS} SELECT v, hex(randomblob(200)) FROM n LIMIT 300")
    with Server(folder, plain=True) as node:
        yield CloudYard(tmp_path, node=node)


def test_points_of_a_cloud_database_restore_and_unchanged_ones_get_marks(cloud: CloudYard) -> None:
    assert isinstance(cloud.cycle(), Taken)
    assert isinstance(cloud.cycle(), Quiet)
    for n in range(1, 4):
        point = cloud.point(f"UPDATE t SET n = 'new {n}' WHERE id = {n}")
        assert point.chain is not None
        assert point.chain.cycle == n
        assert point.chain.changed_pages < point.sqlite.page_count
    assert isinstance(cloud.cycle(), Quiet)
    cloud.check_every_point()


def test_point_restores_to_a_new_cloud_database(cloud: CloudYard) -> None:
    cloud.cycle()
    cloud.point("UPDATE t SET n = 'then' WHERE id = 1")
    then = cloud.catalog.find("latest", NAME)
    cloud.point("UPDATE t SET n = 'now' WHERE id = 1")
    target = CloudLocation(cloud.location.address, "then.sqlite")
    restore(RestoreOptions(cloud.catalog, then, None, target))
    copy = cloud.folder / "then"
    take_snapshot(target, copy)
    restore(RestoreOptions(cloud.catalog, then, None, FileLocation(cloud.folder / "file.db")))
    assert b"then" in copy.read_bytes()
    assert b"then" in (cloud.folder / "file.db").read_bytes()
