"""Redaction of credentials.

Every text that leaves a process goes through `redact`: errors, tracebacks, log events and the audit trail. It masks
everything that looks like a credential, and each known credential of this run.
"""

import re
import unicodedata

MASK = "…"

# Texts, which `re` compiles and keeps when they are first used: `--help` needs none.
_NAMED = r"(?i)(?<![A-Za-z0-9_])(apikey|api_key|token|password|passwd|pwd|secret|key)=\S+"
_IN_URL = r"([A-Za-z][A-Za-z0-9+.-]*:?//)[^\s/@'\"]*:[^\s@'\"]*@"
_USER_INFO = r"(?<![\w/])(?!(?:serviceAccount|user|group|domain|mailto):)[^\s:/@'\"]+:[^\s:/@'\"]+@(?=[\w.\[-])"
_CREDENTIAL = r"(?i)://|apikey=|token=|password=|:[^/]*@|^sqlitecloud\W"
_NEVER_AT_THE_ENDS = "'\"`<>"
_SHORTEST = 6  # characters; a shorter secret would mask half of every text

_known: set[str] = set()


def keep_secret(secret: str) -> None:
    """Makes `redact` mask this text everywhere from now on."""
    if len(secret) >= _SHORTEST:
        _known.add(secret)


def redact(text: str) -> str:
    """Returns the text with known credentials, and anything that looks like one, masked."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = re.sub(_NAMED, lambda found: f"{found[1]}={MASK}", text)
    text = re.sub(_IN_URL, lambda found: f"{found[1]}{MASK}@", text)
    return re.sub(_USER_INFO, f"{MASK}@", text)


def why_no_path(text: str) -> str | None:
    """Returns why a text cannot be a path, without repeating any of it; None if it can."""
    if re.search(_CREDENTIAL, text):
        return "it is not a path: it looks like a URL or contains a credential"
    if not text:
        return "it is empty"
    for character in (text[0], text[-1]):
        if character in _NEVER_AT_THE_ENDS:
            return "it begins or ends with a quote, < or >: write the bare value"
        if character.isspace() or unicodedata.category(character) in ("Cc", "Cf"):
            return "it begins or ends with a blank or a control character"
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "it contains a control character"
    return None
