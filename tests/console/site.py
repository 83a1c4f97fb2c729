"""A console over a store with backups, and people who look at it, by Flask's own client."""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from console.iap import HEADER
from console.serve import behind_iap
from shared.model.kinds import Kind
from shared.operations.backup import BackupOrder, take_backup
from shared.settings import read_settings
from shared.sqlite.location import FileLocation
from shared.stores import open_store
from tests.console.issuer import AUDIENCE, Issuer

BASE = "https://console.example.com"


@dataclass
class Site:
    """`folder` holds the live database and the store; `more` are settings besides."""

    folder: Path
    issuer: Issuer
    more: dict[str, Any] = field(default_factory=dict)
    _client: FlaskClient | None = None

    @property
    def store(self) -> Path:
        return self.folder / "backups"

    @property
    def client(self) -> FlaskClient:
        """One application for the whole test, made when it is first asked."""
        if self._client is None:
            settings = read_settings(
                **{
                    "BACKUP_STORE": str(self.store),
                    "BACKUP_KEY": "none",
                    "BACKUP_CONSOLE_AUDIENCES": (AUDIENCE,),
                    **self.more,
                }
            )
            self._client = behind_iap(settings).test_client()
        return self._client

    def run(self, script: str, database: str = "app.db") -> list[tuple[object, ...]]:
        with closing(apsw.Connection(str(self.folder / database))) as connection:
            return connection.execute(script).fetchall()

    def backup(self, name: str | None = None, database: str = "app.db", kind: Kind = Kind.DAILY) -> str:
        """Takes a backup, and returns its id."""
        order = BackupOrder(
            FileLocation(self.folder / database),
            open_store(str(self.store)),
            None,
            kind,
            timedelta(7),
            "production",
            name=name,
        )
        return take_backup(order).manifest.id

    def get(self, path: str = "/", who: str = "ana@example.com", token: str | None = None, **sent: Any) -> TestResponse:
        """As a browser asks; `token` in the place of the one that the issuer signs for `who`."""
        headers = {HEADER: token or self.issuer.token(who)} | sent.pop("headers", {})
        return self.client.get(path, base_url=BASE, headers=headers, **sent)

    def json(self, path: str = "/", who: str = "ana@example.com") -> Any:
        answer = self.get(path, who, headers={"Accept": "application/json"})
        assert answer.is_json, answer.text
        return answer.json
