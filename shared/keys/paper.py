"""A key printed as short lines. Each line has a checksum, so that a typing error is reported with its line number.

    3/8  ABCDE FGHIJ KLMNO PQRST  C7QX

The text is RFC 4648 base32, which has no 0, 1, 8 and 9. The checksum is the first four base32 characters of the SHA-256
of the line and its number.
"""

import base64
import hashlib
import re

from shared.errors import UsageError

_GROUP, _GROUPS = 5, 4
_CHECK = 4
_LINE = re.compile(r"\s*(\d{1,3})\s*/\s*(\d{1,3})\s+([A-Z2-7 ]+)\s+([A-Z2-7]{4})\s*", re.ASCII)
_LOOKALIKES = str.maketrans("018", "OIB")
_MOST = 1000  # lines of input


def to_lines(secret: bytes) -> list[str]:
    """Returns the secret as lines to print."""
    text = base64.b32encode(secret).decode().rstrip("=")
    width = _GROUP * _GROUPS
    parts = [text[at : at + width] for at in range(0, len(text), width)]
    return [
        f"{number}/{len(parts)}  {' '.join(_grouped(part))}  {_checksum(number, len(parts), part)}"
        for number, part in enumerate(parts, 1)
    ]


def from_lines(text: str) -> bytes:
    """Returns the secret from printed lines, in any order. Raises UsageError with the number of the wrong line."""
    found: dict[int, str] = {}
    count = 0
    for line in text.splitlines()[:_MOST]:
        if not line.strip():
            continue
        number, total, part = _read(line)
        count = count or total
        if total != count or not 1 <= number <= count or found.setdefault(number, part) != part:
            raise UsageError(f"line {number}/{total} belongs to another sheet: type the lines of one sheet")
    missing = [str(number) for number in range(1, count + 1) if number not in found]
    if missing or not found:
        raise UsageError(f"the key is incomplete: line {', '.join(missing[:10]) or '1'} is missing")
    whole = "".join(found[number] for number in range(1, count + 1))
    try:
        return base64.b32decode(whole + "=" * (-len(whole) % 8))
    except ValueError:
        raise UsageError("these lines are not a key: compare them with the sheet and type them again") from None


def _read(line: str) -> tuple[int, int, str]:
    head, _, rest = line.strip().upper().partition("/")
    total, _, body = rest.strip().partition(" ")
    parsed = _LINE.fullmatch(f"{head}/{total} {body.translate(_LOOKALIKES)}")
    if parsed is None:
        which = head.strip() if head.strip().isdecimal() else "?"
        raise UsageError(f"line {which[:4]} is not like 1/8  ABCDE FGHIJ KLMNO PQRST  C7QX: type it again")
    number, count, part = int(parsed[1]), int(parsed[2]), parsed[3].replace(" ", "")
    if _checksum(number, count, part) != parsed[4]:
        raise UsageError(f"line {number} has a typing error: its checksum is wrong; compare it with the sheet")
    return number, count, part


def _grouped(part: str) -> list[str]:
    return [part[at : at + _GROUP] for at in range(0, len(part), _GROUP)]


def _checksum(number: int, count: int, part: str) -> str:
    digest = hashlib.sha256(f"litekeep sheet {number}/{count} {part}".encode()).digest()
    return base64.b32encode(digest).decode()[:_CHECK]
