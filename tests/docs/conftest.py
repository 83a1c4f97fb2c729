"""Whoever reads a page: a shell with the printed command in its PATH, in a folder of its own, with a bucket server."""

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
    """A folder with a program `litekeep`, for the front of PATH."""
    with running_program() as folder:
        yield folder


@pytest.fixture
def reader(workplace: Workplace) -> Reader:  # noqa: F811 - the fixture
    """Their database is app.db here, as /srv/app/app.db is on the pages; what /etc/litekeep is there is etc/ here."""
    folder = workplace.folder
    (folder / "etc").mkdir()
    (folder / "srv" / "app").mkdir(parents=True)
    environment = workplace.environment | {
        "PATH": f"{program_folder()}:{Path(sys.executable).parent}:{workplace.environment['PATH']}"
    }
    return Reader(folder, environment)


def with_orders(database: Path) -> None:
    """The tables that the pages name."""
    with closing(apsw.Connection(str(database))) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INT, what TEXT)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
            "INSERT INTO orders SELECT i, i % 50, 'amber' FROM n"
        )
