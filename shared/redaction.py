"""Credentials in texts: which text could hold one, and what of a text may be shown.

Every text that leaves a process goes through `redact`: errors, tracebacks, log events and the audit trail. It masks
what looks like a credential, and the credentials of this run wherever they stand.
"""

import re
import unicodedata

MASK = "…"

_NAMED = re.compile(r"(?<![A-Za-z0-9_])(apikey|api_key|token|password|passwd|pwd|secret|key)=\S+", re.IGNORECASE)
_IN_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:?//)[^\s/@'\"]*:[^\s@'\"]*@")
_IN_FRONT = re.compile(
    r"(?<![\w/])(?!(?:serviceAccount|user|group|domain|mailto):)[^\s:/@'\"]+:[^\s:/@'\"]+@(?=[\w.\[-])"
)
_CREDENTIAL = re.compile(r"://|apikey=|token=|password=|:[^/]*@|^sqlitecloud\W", re.IGNORECASE)
_NEVER_AT_AN_END = "'\"`<>"
_SHORTEST = 6  # characters; a shorter secret would mask half of every text

_known: set[str] = set()


def keep_secret(secret: str) -> None:
    """From now on `redact` masks this text wherever it stands."""
    if len(secret) >= _SHORTEST:
        _known.add(secret)


def redact(text: str) -> str:
    """The text without anything that is, or looks like, a credential."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _NAMED.sub(lambda found: f"{found[1]}={MASK}", text)
    text = _IN_URL.sub(lambda found: f"{found[1]}{MASK}@", text)
    return _IN_FRONT.sub(f"{MASK}@", text)


def why_no_path(text: str) -> str | None:
    """Why a text cannot be a path, without repeating any of it; None when it can."""
    if _CREDENTIAL.search(text):
        return "it looks like a URL or holds a credential, and is not a path"
    if not text:
        return "it is empty"
    for character in (text[0], text[-1]):
        if character in _NEVER_AT_AN_END:
            return "it begins or ends with a quote, < or >: write the bare value"
        if character.isspace() or unicodedata.category(character) in ("Cc", "Cf"):
            return "it begins or ends with a blank or a control character"
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "it holds a control character"
    return None
