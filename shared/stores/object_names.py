"""Checks object names: every store must be able to keep them, and none may escape the store or be hidden in it."""

import re

from shared.errors import StoreError

_LONGEST_NAME = 900  # bytes; Cloud Storage allows 1024 including the store's prefix, a path 4096
_LONGEST_PART = 255  # bytes; the limit of file systems for one name
_FOREIGN = "lost+found"  # in the root of a file system, readable by root only
_PLAIN = re.compile(r"(?:[A-Za-z0-9%_-][A-Za-z0-9%._-]{0,254}/){0,3}[A-Za-z0-9%_-][A-Za-z0-9%._-]{0,254}", re.ASCII)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029\ud800-\udfff]")


def check_object_name(name: str) -> tuple[str, ...]:
    """Splits `name` at its slashes and returns the parts. Raises StoreError for a name that stores must refuse.

    A part is 1 to 255 bytes of UTF-8, does not begin with a dot (`.` and `..` leave the store, and the
    store uses hidden names itself), has no backslash or control character, and is not `lost+found`.
    """
    parts = tuple(name.split("/"))
    if len(name) <= _LONGEST_NAME and _PLAIN.fullmatch(name):
        return parts  # the fast path: a listing has tens of thousands of names
    if _FORBIDDEN.search(name) or not all(_is_part(part) for part in parts):
        raise StoreError(f"object name {name[:140]!r} could leave the store or hide in it; use another name")
    if len(name.encode()) > _LONGEST_NAME:
        raise StoreError(f"object name {name[:140]!r} is longer than {_LONGEST_NAME} bytes; use a shorter one")
    return parts


def is_object_name(name: str) -> bool:
    """Returns whether a listed name is a valid object name."""
    if len(name) <= _LONGEST_NAME and _PLAIN.fullmatch(name):
        return True
    try:
        check_object_name(name)
    except StoreError:
        return False
    return True


def _is_part(part: str) -> bool:
    return part not in {"", _FOREIGN} and not part.startswith(".") and len(part.encode()) <= _LONGEST_PART
