"""Writes values as SQL literals that SQLite 3.40 and later read back bit for bit.

Reals: SQLite 3.40 rounds a decimal twice (to 64 bits, then to 53), so a decimal very near the midpoint between two
doubles may be read as the wrong one. The shortest form that Python or SQLite prints is sometimes that near. Three
forms stay away from the midpoint:

- s / 10**k with k <= 4 and s below 2**53 is at least 0.5 / 5**4 of a unit in the last place away from it,
  three times the error of the first rounding;
- 18 digits of SQLite's own printf() are within 0.1 units of the double (a test measures it), so 0.4 from the
  midpoint, and the reader's error is below 0.02 for the magnitudes of `_DECIMAL`;
- for other magnitudes, a product of a whole number and powers of two, exact in every step.

Text is written as it is, unless the stock shell would change it: a CR becomes a marker that `replace()` turns back,
and text that has a NUL or is not valid in the database's encoding is written as its bytes.
"""

import codecs
import math
from collections.abc import Callable, Iterable, Iterator

_DECIMAL = (1e-290, 1e300)
_TWO_52 = "4503599627370496.0"

# SQL expressions for the queries of chunks.py and stream.py, where `lk_real` and `lk_text` call the Python functions.
REAL_SQL = (
    "CASE WHEN CAST({0}*1e4+iif({0} COLLATE BINARY<0,-0.5,0.5) AS INTEGER)/1e4={0} COLLATE BINARY AND abs({0})<1e11"
    " THEN iif({0} COLLATE BINARY=0 AND atan2({0},-1.0)<0,{negative_zero},quote({0}))"
    f" WHEN abs({{0}}) BETWEEN {_DECIMAL[0]!r} AND {_DECIMAL[1]!r} THEN printf('%!.18g',{{0}})"
    " ELSE lk_real({0}) END"
)
_MARKERS = ("\\r", *(f"\\r{number}\\" for number in range(10)))  # a fixed few: a text may hold any of them
_QUOTED_SQL = "''''||replace({0},'''','''''')||''''"
_MARKED_SQL = _QUOTED_SQL.format("replace({0},char(13),'\\r')")
# GLOB finds one character through the C library, several times as fast as instr().
TEXT_SQL = (
    f"CASE WHEN {{0}} GLOB '*\r*' THEN iif(instr({{0}},'\\r'),char(0),"
    f"'replace('||{_MARKED_SQL}||',''\\r'',char(13))')"
    f" WHEN {{0}} GLOB '*''*' THEN {_QUOTED_SQL} ELSE ''''||{{0}}||'''' END"
)


def real_literal(value: float) -> str:
    """Returns an expression that every SQLite reads as exactly this double, not NaN, with type REAL."""
    if math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    top, bottom = abs(value).as_integer_ratio()
    sign = "-" if math.copysign(1, value) < 0 else ""
    if bottom > 1:
        return sign + _scaled(top, bottom.bit_length() - 1, "/")
    shift = max(top.bit_length() - 53, 0)
    return sign + _scaled(top >> shift, shift, "*")


def _scaled(whole: int, shift: int, operator: str) -> str:
    steps = [_TWO_52] * (shift // 52) + ([f"{1 << shift % 52}.0"] if shift % 52 else [])
    return operator.join([f"{whole}.0", *steps])


def text_literal(raw: bytes, encoding: str = "utf-8") -> str:
    """Returns the literal of a text, given as its bytes in `encoding`, the Python codec of the database."""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return _bytes_literal(raw)
    # SQLite replaces these two when it turns UTF-8 into UTF-16.
    if "\0" in text or (encoding != "utf-8" and ("\ufffe" in text or "\uffff" in text)):
        return _bytes_literal(raw)
    quoted = "'" + text.replace("'", "''") + "'"
    if "\r" not in text:
        return quoted
    marker = next((m for m in _MARKERS if m not in text), None)
    if marker is None:
        return _bytes_literal(raw)
    return f"replace({quoted.replace(chr(13), marker)},'{marker}',char(13))"


def text_pieces(read: Callable[[], Iterable[bytes]], encoding: str) -> Iterator[bytes]:
    """Yields the literal of `text_literal`, in UTF-8 and in pieces. Calls `read` twice for the pieces of the text."""
    begin, end, marker = _form(read(), encoding)
    yield begin.encode()
    if marker is None:
        for piece in read():
            yield piece.hex().upper().encode()
    else:
        decoder = codecs.getincrementaldecoder(encoding)()
        for piece in read():
            yield decoder.decode(piece).replace("'", "''").replace("\r", marker).encode()
    yield end.encode()


def _form(pieces: Iterable[bytes], encoding: str) -> tuple[str, str, str | None]:
    """Returns the literal's beginning, its end, and the marker for CR; None as marker for text written as its bytes."""
    as_bytes = "CAST(X'", "' AS TEXT)", None
    decoder = codecs.getincrementaldecoder(encoding)()
    markers, has_cr, tail = list(_MARKERS), False, ""
    refused = "\0" if encoding == "utf-8" else "\0\ufffe\uffff"
    try:
        for piece in pieces:
            text = decoder.decode(piece)
            if any(character in text for character in refused):
                return as_bytes
            has_cr = has_cr or "\r" in text
            text, tail = tail + text, (tail + text)[1 - len(_MARKERS[-1]) :]
            markers = [marker for marker in markers if marker not in text]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return as_bytes
    if not has_cr:
        return "'", "'", ""
    return ("replace('", f"','{markers[0]}',char(13))", markers[0]) if markers else as_bytes


def _bytes_literal(raw: bytes) -> str:
    return f"CAST(X'{raw.hex().upper()}' AS TEXT)"
