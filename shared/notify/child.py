"""The child process that sends notifications with Apprise and calls the heartbeat.

A slow, endless or hostile receiver can delay a run only for a limited time: the caller kills this process at a
deadline, and its memory is limited. The request comes on stdin, because it contains credentials. The answer on stdout
is a reason in our own words for each URL, without any text of the receiver.
"""

import json
import resource
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

_LARGEST_REQUEST = 1 << 20  # bytes
_MOST_MEMORY = 1 << 30  # bytes
_TIMEOUT = 8.0  # seconds for each step on the network
_MOST_OF_A_REPLY = 4096  # bytes


def main() -> None:
    """Reads a request from stdin and prints a JSON line for each URL: null, or why it failed."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    request = json.loads(sys.stdin.buffer.read(_LARGEST_REQUEST))
    for url in request["urls"]:
        why = call(url) if request["heartbeat"] else notify(url, request)
        print(json.dumps(why), flush=True)  # flushed, because the deadline may come before the next


def call(url: str) -> str | None:
    """Calls a heartbeat URL. Returns why that failed, or None."""
    opener = build_opener(_NoRedirect())
    try:
        with opener.open(Request(url, headers={"User-Agent": "litekeep"}), timeout=_TIMEOUT) as reply:  # noqa: S310 - http(s) only, see model/notify_urls
            reply.read(_MOST_OF_A_REPLY)
    except HTTPError as error:
        moved = ", a redirect, which is not followed: set the URL that it leads to"
        return f"it answers with HTTP {error.code}{moved if 300 <= error.code < 400 else ''}"
    except Exception as error:  # noqa: BLE001 - the receiver may cause any error; only its type is repeated
        return f"it cannot be called ({type(error).__name__})"
    return None


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


def notify(url: str, request: dict[str, Any]) -> str | None:
    """Sends one notification. Returns why that failed, or None."""
    try:
        from apprise import Apprise, AppriseAsset, NotifyFormat, PersistentStoreMode  # noqa: PLC0415 - heartbeats need none

        asset = AppriseAsset(
            app_id="Litekeep",
            app_desc="Litekeep",
            async_mode=False,
            http_redirects=False,
            storage_mode=PersistentStoreMode.MEMORY,
            default_service_retry=0,
        )
        sender = Apprise(asset=asset)
        if not sender.add(url):
            return "Apprise does not support this URL"
        sent = sender.notify(request["body"], request["title"], request["type"], body_format=NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001 - as above
        return f"it cannot be sent ({type(error).__name__})"
    return None if sent else "it refused the message, or is out of reach"
