"""Parses BACKUP_NOTIFY and BACKUP_HEARTBEAT_URL. Both contain credentials, so no error repeats any part of them."""

import re

from shared.redaction import keep_secret

_NOTIFY = re.compile(r"[a-z][a-z0-9+.-]{1,40}://[^\s\x00-\x1f\x7f]{1,2000}", re.ASCII)
_HEARTBEAT = re.compile(r"https?://[^\s\x00-\x20\x7f'\"<>]{1,2000}", re.ASCII)
_MOST = 10
_PARTS = re.compile(r"[/?&=:@#]")
_TOKEN = re.compile(r"(?=.*[0-9A-Z])[^.]{8,}|[^.]{16,}")  # matches no host, and no word such as `services`


def parse_notify(text: str) -> tuple[str, ...]:
    """Parses Apprise URLs separated by blanks. Raises ValueError."""
    urls = tuple(text.split())
    if len(urls) > _MOST or not all(_NOTIFY.fullmatch(url) for url in urls):
        raise ValueError(f"allowed are up to {_MOST} URLs that Apprise knows, such as ntfys://…, with blanks between")
    for url in urls:
        _keep_secrets(url)
    return urls


def parse_heartbeat(text: str) -> str:
    """Returns the URL to call after each good run. Raises ValueError."""
    if not _HEARTBEAT.fullmatch(text):
        raise ValueError("allowed is https://… or http://…, without quotes and blanks")
    _keep_secrets(text)
    return text


def schema_of(url: str) -> str:
    """Returns the scheme, such as `slack`. It is the only part of such a URL that may be shown."""
    return url.partition("://")[0]


def _keep_secrets(url: str) -> None:
    """Redacts the URL and its tokens from now on. A token can be anywhere in such a URL, also as host or path."""
    keep_secret(url)
    for part in _PARTS.split(url.partition("://")[2]):
        if _TOKEN.fullmatch(part):
            keep_secret(part)
