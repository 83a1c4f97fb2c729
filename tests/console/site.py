"""A console for a store with backups, called through Flask's test client."""

import re
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import apsw
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from console.iap import HEADER
from console.serve import behind_iap
from shared.clock import utc_now
from shared.keys.signing import SigningFile
from shared.model.kinds import Kind
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.settings import read_settings
from shared.sqlite.location import FileLocation
from shared.stores import open_store
from tests.approvals.people import ANA, BEN, document, signed
from tests.console.issuer import AUDIENCE, Issuer

ROOT = Path(__file__).parents[2]
BASE = "https://console.example.com"


@dataclass(frozen=True)
class Called(FileLocation):
    """A database file under another name, also one that no file can have."""

    called: str

    @property
    def database(self) -> str:
        return self.called


@dataclass
class Site:
    """`folder` holds the live databases and the store. `more`: additional settings."""

    folder: Path
    issuer: Issuer
    more: dict[str, Any] = field(default_factory=dict)
    keys_port: int = 0
    _client: FlaskClient | None = None

    @property
    def store(self) -> Path:
        return self.folder / "backups"

    @property
    def environment(self) -> dict[str, str]:
        """The settings as environment variables, for a process."""
        return {"BACKUP_STORE": str(self.store), "BACKUP_KEY": "none", **self.more}

    @property
    def client(self) -> FlaskClient:
        """The client of one application, made at its first use."""
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

    def backup(
        self,
        name: str | None = None,
        database: str = "app.db",
        kind: Kind = Kind.DAILY,
        *,
        taken: datetime | None = None,
        store: str | None = None,
        called: str | None = None,
    ) -> str:
        """Takes a backup and returns its id. `taken`: the time on its clock."""
        order = BackupOptions(
            Called(self.folder / database, called or database),
            open_store(store or str(self.store)),
            None,
            kind,
            timedelta(7),
            "production",
            name=name,
        )
        return take_backup(order, clock=utc_now if taken is None else lambda: taken).manifest.id

    def with_policy(self, **console: Any) -> None:
        """Sets a policy of Ana and Ben; by default its console may decide."""
        key = SigningFile.create(self.folder / "console.key")
        part = {"key": key.public.pem, "may_attest": ["*@example.com"], "may_decide": True} | console
        lists = {
            "stores": [str(self.store)],
            "keys": ["none"],
            "sources": [f"{self.folder}/*"],
            "targets": [f"{self.folder}/*"],
        }
        path = self.folder / "policy.json"
        path.write_bytes(signed(document(console=part, **lists), [ANA, BEN]))
        self.more |= {
            "BACKUP_POLICY": str(path),
            "BACKUP_SIGNING_KEY": f"file:{self.folder / 'console.key'}",
            "DATABASE_URL": str(self.folder / "app.db"),
        }
        self._client = None

    def post(self, path: str, data: dict[str, str], who: str = "ana@example.com", **sent: Any) -> TestResponse:
        """Sends a form as a browser does from a page of the console."""
        headers = {HEADER: self.issuer.token(who), "Origin": BASE, "Sec-Fetch-Site": "same-origin"}
        headers |= sent.pop("headers", {})
        return self.client.post(path, base_url=BASE, data=data, headers=headers, **sent)

    def form(self, path: str, action: str, who: str = "ana@example.com") -> dict[str, str]:
        """Returns the hidden fields of the form on that page that posts to `action`."""
        text = self.get(path, who).text
        found = re.search(rf'<form method="post" action="{action}">(.*?)</form>', text, re.DOTALL)
        assert found, text
        return {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', found[1])}

    def ask(
        self, who: str = "ana@example.com", query: str = "ref=first&how=in-place", reason: str = "orders lost"
    ) -> str:
        """Requests a restore on the pages, and returns the request's id."""
        form = self.form(f"/restore?database=app.db&plan=1&{query}", "/restore", who)
        answer = self.post("/restore", form | {"reason": reason}, who)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"].rpartition("=")[2]

    def decide(self, request: str, who: str, decision: str = "approved") -> TestResponse:
        form = self.form(f"/request?id={request}", "/request/decide", who)
        return self.post("/request/decide", form | {"decision": decision, "reason": "seen"}, who)

    def get(self, path: str = "/", who: str = "ana@example.com", token: str | None = None, **sent: Any) -> TestResponse:
        """Gets a page as `who`. `token`: sent instead of the one that the issuer signs for `who`."""
        headers = {HEADER: token or self.issuer.token(who)} | sent.pop("headers", {})
        return self.client.get(path, base_url=BASE, headers=headers, **sent)

    def json(self, path: str = "/", who: str = "ana@example.com") -> Any:
        answer = self.get(path, who, headers={"Accept": "application/json"})
        assert answer.is_json, answer.text
        return answer.json
