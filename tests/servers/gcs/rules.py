"""What the real service does and fake-gcs-server does not: preconditions, checksums, chunks sent again.

Google documents them: a request whose ifGenerationMatch does not hold gets 412, looked at when an upload
begins and when it would appear; an upload whose bytes have another crc32c than its metadata says gets 400;
bytes of a resumable upload that are there already are passed over, and a finished one answers as it did.
"""

import base64
import http.client
import json
import re
import threading
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

import google_crc32c

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_NONE_YET = "0"


@dataclass
class _Session:
    name: str
    precondition: str | None
    crc32c: str | None
    content: bytearray = field(default_factory=bytearray)


class Rules:
    """Judges requests before they go to the server. One at a time: `lock` is held from the look to the deed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sessions: dict[str, _Session] = {}
        self.lock = threading.Lock()

    def refusal(self, method: str, target: str, headers: dict[str, str], body: bytes) -> int | None:
        """The status that the real service would refuse this request with, if it would."""
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        bucket = _bucket_of(url.path)
        if query.get("uploadType") == "multipart":
            metadata, content = _parts(headers, body)
            return self._judge(
                bucket, metadata["name"], query.get("ifGenerationMatch"), metadata.get("crc32c"), content
            )
        if query.get("uploadType") == "resumable" and method == "POST":
            return self._judge(bucket, json.loads(body)["name"], query.get("ifGenerationMatch"), None, b"")
        if method == "PUT" and query.get("upload_id") in self._sessions:
            return self._finish(bucket, self._sessions[query["upload_id"]], headers)
        if method == "DELETE" and "/o/" in url.path:
            name = urllib.parse.unquote(url.path.split("/o/", 1)[1])
            return self._judge(bucket, name, query.get("ifGenerationMatch"), None, b"")
        return None

    def is_repeated(self, target: str, headers: dict[str, str], body: bytes) -> int | None:
        """How many bytes are there, when a chunk is sent that is there already. Notes the chunk otherwise."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
        session = self._sessions.get(query.get("upload_id", ""))
        found = _RANGE.fullmatch(headers.get("content-range", ""))
        if session is None or found is None:
            return None
        if int(found[2]) < len(session.content):
            return len(session.content)
        session.content[int(found[1]) :] = body
        return None

    def note_session(self, target: str, body: bytes, location: str) -> None:
        """Remembers what an upload session was begun with."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
        upload = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))["upload_id"]
        metadata = json.loads(body)
        self._sessions[upload] = _Session(metadata["name"], query.get("ifGenerationMatch"), metadata.get("crc32c"))

    def _finish(self, bucket: str, session: _Session, headers: dict[str, str]) -> int | None:
        found = _RANGE.fullmatch(headers.get("content-range", ""))
        if found is None or int(found[2]) + 1 < int(found[3]):
            return None
        return self._judge(bucket, session.name, session.precondition, session.crc32c, bytes(session.content))

    def _judge(
        self, bucket: str, name: str, precondition: str | None, crc32c: str | None, content: bytes
    ) -> int | None:
        if precondition is not None:
            there = self.generation(bucket, name)
            if there != precondition and not (there is None and precondition == _NONE_YET):
                return 404 if there is None else 412
        if crc32c is not None and crc32c != _encoded_crc32c(content):
            return 400
        return None

    def generation(self, bucket: str, name: str) -> str | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", f"/storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}")
            answer = connection.getresponse()
            content = answer.read()
            return str(json.loads(content)["generation"]) if answer.status == 200 else None
        finally:
            connection.close()


def _bucket_of(path: str) -> str:
    found = re.search(r"/b/([^/]+)", path)
    return found[1] if found else ""


def _parts(headers: dict[str, str], body: bytes) -> tuple[dict[str, Any], bytes]:
    """A multipart/related upload is two parts: the metadata as JSON, and the bytes."""
    found = re.search(r'boundary="?([^";]+)', headers["content-type"])
    assert found
    mark = b"--" + found[1].encode()
    metadata = body.split(mark)[1].split(b"\r\n\r\n", 1)[1]
    rest = body[body.index(mark, len(mark)) + len(mark) :]
    content = rest.split(b"\r\n\r\n", 1)[1]
    return json.loads(metadata), content[: content.rindex(b"\r\n" + mark)]


def _encoded_crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
