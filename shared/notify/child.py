"""The process that talks to the outside: notifications through Apprise, and the heartbeat.

A process of its own, so that a receiver that is slow, endless or hostile costs a run nothing but a bounded time: the
caller kills this one at a deadline, and the system ends it at a bound on memory. The order comes on stdin, as it holds
credentials; the answer goes to stdout, a reason of our own words for each URL, and nothing that a receiver said.
"""

import json
import resource
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

_LARGEST_ORDER = 1 << 20  # bytes
_MOST_MEMORY = 1 << 30  # bytes
_TIMEOUT = 8.0  # seconds for each step on the network
_MOST_OF_A_REPLY = 4096  # bytes


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    order = json.loads(sys.stdin.buffer.read(_LARGEST_ORDER))
    for url in order["urls"]:
        why = call(url) if order["heartbeat"] else notify(url, order)
        print(json.dumps(why), flush=True)  # each at once: the deadline may come before the next


def call(url: str) -> str | None:
    """Calls a heartbeat URL. Returns why it did not work, or None."""
    opener = build_opener(_NoRedirect())
    try:
        with opener.open(Request(url, headers={"User-Agent": "litekeep"}), timeout=_TIMEOUT) as reply:  # noqa: S310 - http(s) only, see model/notify_urls
            reply.read(_MOST_OF_A_REPLY)
    except HTTPError as error:
        moved = ", which leads elsewhere and is not followed: write the URL that it leads to"
        return f"it answers with HTTP {error.code}{moved if 300 <= error.code < 400 else ''}"
    except Exception as error:  # noqa: BLE001 - whatever the receiver does, only the type is repeated
        return f"it cannot be called ({type(error).__name__})"
    return None


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


def notify(url: str, order: dict[str, Any]) -> str | None:
    """Sends one notification. Returns why it did not work, or None."""
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
            return "Apprise knows no such URL"
        sent = sender.notify(order["body"], order["title"], order["type"], body_format=NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001 - as above
        return f"it cannot be sent ({type(error).__name__})"
    return None if sent else "it refuses, or is out of reach"
