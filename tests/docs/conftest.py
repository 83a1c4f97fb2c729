"""Fixtures for pages: a shell in its own folder with `litekeep` in its PATH, and a bucket server."""

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.cli.conftest import Workplace, sample, workplace  # noqa: F401 - fixtures
from tests.docs.page import Reader
from tests.program import program_folder, running_program
from tests.servers.gcs.fixtures import gcs_port  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    """A folder with the program `litekeep`, to put first in PATH."""
    with running_program() as folder:
        yield folder


@pytest.fixture
def reader(workplace: Workplace) -> Reader:  # noqa: F811 - the fixture
    """A reader with app.db in place of the pages' /srv/app/app.db, and etc/ in place of /etc/litekeep."""
    folder = workplace.folder
    (folder / "etc").mkdir()
    (folder / "srv" / "app").mkdir(parents=True)
    environment = workplace.environment | {
        "PATH": f"{program_folder()}:{Path(sys.executable).parent}:{workplace.environment['PATH']}"
    }
    return Reader(folder, environment)


def with_orders(database: Path) -> None:
    """Creates the tables that the pages name."""
    with closing(apsw.Connection(str(database))) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INT, what TEXT)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
            "INSERT INTO orders SELECT i, i % 50, 'amber' FROM n"
        )
