"""Rules of the real service that fake-gcs-server lacks: preconditions, checksums, repeated chunks.

They are documented by Google: a request whose ifGenerationMatch does not hold gets 412, checked when an upload
begins and when it ends; an upload whose bytes do not match the crc32c of its metadata gets 400; bytes of a
resumable upload that are already stored are skipped, and a finished upload repeats its response.
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
    """Checks requests before they are forwarded, one at a time: hold `lock` from the check until the response."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sessions: dict[str, _Session] = {}
        self.lock = threading.Lock()

    def refusal(self, method: str, target: str, headers: dict[str, str], body: bytes) -> int | None:
        """Returns the status with which the real service would refuse this request, or None."""
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
        """Returns the number of stored bytes if the chunk is already stored. Otherwise records it; returns None."""
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
        """Records the name and conditions of a new upload session."""
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
            current = self.generation(bucket, name)
            if current != precondition and not (current is None and precondition == _NONE_YET):
                return 404 if current is None else 412
        if crc32c is not None and crc32c != _encoded_crc32c(content):
            return 400
        return None

    def generation(self, bucket: str, name: str) -> str | None:
        """Returns the object's current generation on the server, or None."""
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
    """Splits a multipart/related upload into its metadata (JSON) and the object's bytes."""
    found = re.search(r'boundary="?([^";]+)', headers["content-type"])
    assert found
    mark = b"--" + found[1].encode()
    metadata = body.split(mark)[1].split(b"\r\n\r\n", 1)[1]
    rest = body[body.index(mark, len(mark)) + len(mark) :]
    content = rest.split(b"\r\n\r\n", 1)[1]
    return json.loads(metadata), content[: content.rindex(b"\r\n" + mark)]


def _encoded_crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
