"""A read-only bucket with any number of backups, whose responses are generated on request.

It serves to measure the requests and memory that reading a store costs, without filling a real server first.
"""

import base64
import json
import re
import threading
import urllib.parse
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import google_crc32c

from shared.archive.seals import seal_manifest
from shared.catalog.summary import beside_manifest, beside_verdict
from shared.catalog.verdicts import opened_as, read_verdict, seal_verdict
from shared.clock import rfc3339
from shared.model.kinds import Kind
from shared.model.names import WHOLE, BackupName, automatic_id, parse
from tests.builders import make_artifact, make_manifest

_PAGE = 1000
_KEPT = timedelta(days=30)
_OBJECT = re.compile(r"/(?:download/)?storage/v1/b/[^/]+/o/(?P<name>[^/]+)")


class Crowded:
    """`count` hourly backups up to `newest`, spread over `databases` databases.

    Each has a manifest, a SQL dump, a page image and a verdict.
    """

    def __init__(self, count: int, databases: int, newest: datetime) -> None:
        self._own = [
            BackupName(Kind.DAILY, f"app-{number:04}.db", automatic_id(newest - timedelta(hours=hours)))
            for number in range(databases)
            for hours in range(count // databases)
        ]
        self._newest = newest
        self.requests = 0

    @cached_property
    def names(self) -> list[str]:
        return sorted(name for own in self._own for name in self._objects(own))

    def _objects(self, own: BackupName) -> tuple[str, ...]:
        artifacts = (own.artifact(form, encrypted=False) for form in WHOLE)
        return own.manifest, *artifacts, own.verdict(self._verified(own))

    @staticmethod
    def _taken(own: BackupName) -> datetime:
        return datetime.strptime(own.id + "Z", "backup-%Y-%m-%d-%H%M%S%z")

    def _verified(self, own: BackupName) -> datetime:
        return self._taken(own) + timedelta(minutes=1)

    @lru_cache(maxsize=8)  # noqa: B019 - lives as long as its server
    def _documents(self, own: BackupName) -> tuple[bytes, dict[str, str], bytes, dict[str, str]]:
        """Returns the manifest and the verdict, each with its object metadata."""
        taken = self._taken(own)
        manifest = seal_manifest(
            make_manifest(
                id=own.id,
                database=own.database,
                kind=own.kind,
                created_at=taken,
                keep_until=taken + _KEPT,
                environment="production",
                verdict_seal=1,
                artifacts=[make_artifact(own, form) for form in WHOLE],
            ),
            None,
        )
        raw = manifest.to_json()
        document = {"id": own.id, "ok": True, "level": "full", "checks": []}
        verdict = seal_verdict(document, own, self._verified(own), opened_as(manifest, raw, None))
        return raw, beside_manifest(manifest), verdict, beside_verdict(read_verdict(verdict) or {})

    def content(self, name: str) -> tuple[bytes, dict[str, str]]:
        """Returns the bytes of an object, and its metadata."""
        parsed = parse(name)
        if parsed is None:
            return b"a mark", {}
        raw, summary, verdict, verdict_summary = self._documents(parsed.backup)
        if parsed.role == "manifest":
            return raw, summary
        return (verdict, verdict_summary) if parsed.verified_at else (b"0123456789", {})

    def item(self, name: str) -> dict[str, object]:
        """Returns the description of an object in the JSON API."""
        content, metadata = self.content(name)
        return {
            "name": name,
            "bucket": "crowded",
            "size": str(len(content)),
            "generation": "1",
            "crc32c": base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode(),
            "timeCreated": "2024-01-15T00:00:00Z",
            "storageClass": "STANDARD",
            "metadata": metadata,
        }

    @cached_property
    def _pattern(self) -> tuple[BackupName, dict[str, str]]:
        """One backup and the listing items of its objects; the others differ only in id, database and time."""
        own = self._own[0]
        return own, {_role(name): json.dumps(self.item(name)) for name in self._objects(own)}

    def _listed(self, name: str) -> str:
        """Returns a listing item, derived from the pattern: its hashes and seals are not those of the object."""
        parsed = parse(name)
        assert parsed is not None
        pattern, items = self._pattern
        own = parsed.backup
        item = items[_role(name)]
        for other, wanted in (
            (pattern.id, own.id),
            (pattern.database, own.database),
            (rfc3339(self._taken(pattern)), rfc3339(self._taken(own))),
            (rfc3339(self._taken(pattern) + _KEPT), rfc3339(self._taken(own) + _KEPT)),
            (_stamp(self._verified(pattern)), _stamp(self._verified(own))),
            (_recorded(self._verified(pattern)), _recorded(self._verified(own))),
        ):
            item = item.replace(other, wanted)
        return item

    def page(self, query: dict[str, str]) -> str:
        """Returns one page of a listing, as JSON."""
        prefix = query.get("prefix", "")
        start = int(query.get("pageToken") or bisect_left(self.names, max(prefix, query.get("startOffset", ""))))
        names = []
        for name in self.names[start : start + _PAGE]:
            if not name.startswith(prefix):
                break
            names.append(name)
        if query.get("softDeleted") == "true":
            return '{"items": []}'
        more = f', "nextPageToken": "{start + _PAGE}"' if len(names) == _PAGE else ""
        return '{"items": [' + ", ".join(map(self._listed, names)) + f"]{more}}}"


def _role(name: str) -> str:
    found = parse(name)
    assert found is not None
    return found.role


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S%f}"


def _recorded(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}"


@contextmanager
def crowded_server(crowded: Crowded) -> Iterator[str]:
    """Serves the bucket on loopback during the block; yields the value for STORAGE_EMULATOR_HOST."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(crowded))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(crowded: Crowded) -> Callable[..., BaseHTTPRequestHandler]:
    known = set(crowded.names)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            crowded.requests += 1
            split = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(split.query))
            found = _OBJECT.fullmatch(split.path)
            name = urllib.parse.unquote(found["name"]) if found else ""
            if found is None:
                self._answer(200, crowded.page(query).encode())
            elif name not in known:
                self._answer(404, b"{}")
            elif query.get("alt") == "media":
                self._media(crowded.content(name)[0])
            else:
                self._answer(200, json.dumps(crowded.item(name)).encode())

        def _media(self, content: bytes) -> None:
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            first, last = (int(span[1]), int(span[2]) + 1) if span else (0, len(content))
            self._answer(206 if span else 200, content[first:last], f"bytes {first}-{last - 1}/{len(content)}")

        def _answer(self, status: int, content: bytes, span: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            if span:
                self.send_header("Content-Range", span)
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            crowded.requests += 1
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(403, b'{"error": {"code": 403, "message": "this bucket is read-only"}}')

        do_PUT = do_DELETE = do_PATCH = do_POST  # noqa: N815 - names of http.server

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - name of http.server
            pass

    return Handler
