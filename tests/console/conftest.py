from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.issuer import Issuer, publishing
from tests.console.site import Site


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    found = Issuer()
    with publishing(found) as port:
        monkeypatch.setenv("LITEKEEP_IAP_ENDPOINT", f"127.0.0.1:{port}")
        yield found


@pytest.fixture
def site(tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A database with one backup of it, shown by a console."""
    monkeypatch.chdir(tmp_path)
    made = Site(tmp_path, issuer)
    made.run("CREATE TABLE users(id INTEGER PRIMARY KEY, name); INSERT INTO users(name) VALUES ('the-value-of-a-row')")
    made.backup("first")
    return made
