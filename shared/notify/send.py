"""Sends notifications and heartbeats in a child process, with a deadline."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

_NOTIFY_SECONDS = 60
_HEARTBEAT_SECONDS = 20
_MOST_OF_AN_ANSWER = 64 << 10  # characters
# The child uses the module path of this process, independent of its working folder and environment.
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from shared.notify.child import main; main()"


def send(urls: Sequence[str], title: str, body: str, kind: str) -> list[str | None]:
    """Sends one message to each Apprise URL. Returns why each failed, or None. Raises nothing."""
    return _run_child({"heartbeat": False, "title": title, "body": body, "type": kind}, urls, _NOTIFY_SECONDS)


def call_heartbeat(url: str) -> str | None:
    """Calls the URL once. Returns why that failed, or None. Raises nothing."""
    return _run_child({"heartbeat": True}, [url], _HEARTBEAT_SECONDS)[0]


def _run_child(request: dict[str, Any], urls: Sequence[str], seconds: int) -> list[str | None]:
    """Runs the child process. Returns why each URL failed, or None; a URL without an answer in time has failed."""
    command = [sys.executable, "-I", "-c", _START, json.dumps(sys.path)]
    request = {**request, "urls": list(urls)}
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command,
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
        answer, missing = done.stdout, "it could not be called: its process ended early"
    except subprocess.TimeoutExpired as late:
        answer, missing = late.stdout or b"", f"it did not answer within {seconds} s"
    except OSError as error:
        answer, missing = b"", f"its process could not be started ({error.strerror})"
    found = _lines(answer)
    return [*found[: len(urls)], *([missing] * (len(urls) - len(found)))]


def _lines(answer: bytes) -> list[str | None]:
    found: list[str | None] = []
    for line in answer[:_MOST_OF_AN_ANSWER].splitlines():
        try:
            why = json.loads(line)
        except ValueError:
            break
        found.append(None if why is None else str(why))
    return found
