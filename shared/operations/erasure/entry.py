"""One entry of the ledger: places, links, and keyed hashes of the values, but never a value."""

import hmac
import re
import zlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.clock import CLOCKS_DIFFER_BY
from shared.model.manifest import Count, Moment

Rows = Iterable[tuple[Any, ...]]
ValueOf = Callable[[tuple[Any, ...]], bytes]  # returns the value of one row; text is in UTF-8
_FOLDED = b"\0fold\0"

MOST_VALUES = 100_000  # per entry
_BLOB = re.compile(r"[xX]'(?:[0-9a-fA-F]{2})+'", re.ASCII)
_LONGEST = 10_000  # bytes of one value

Name = Annotated[str, Field(min_length=1, max_length=10_000)]


class _LedgerPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)


class ComparedColumn(_LedgerPart):
    """A column to search for the values. `fold`: its collation ignores the case of ASCII letters."""

    table: Name
    column: Name
    fold: bool = False


class Link(_LedgerPart):
    """A reference from rows of `child` to erased rows of `parent`, and what to do with these rows."""

    child: Name
    child_columns: list[Name]
    parent: Name
    parent_columns: list[Name]
    action: Literal["delete", "null", "default"]


class Erasure(_LedgerPart):
    """One entry. `hashes` are HMAC-SHA-256 in hex, `filter` 16-bit checksums that are compared first."""

    id: str
    number: Count
    database: Name
    recorded_at: Moment
    recorded_by: str
    reason: str
    places: list[ComparedColumn]
    links: list[Link]
    values: Count
    hashes: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    filter: list[Annotated[int, Field(ge=0, lt=1 << 16)]]

    @property
    def main(self) -> ComparedColumn:
        return self.places[0]

    def concerns(self, database: str, began_at: datetime) -> bool:
        """Returns whether a backup of `database` whose snapshot began at `began_at` may have the rows.

        The clocks of the machines that recorded the erasure and took the backup may differ by CLOCKS_DIFFER_BY. A
        replay on a backup without the rows changes nothing.
        """
        return self.database == database and self.recorded_at - began_at >= -CLOCKS_DIFFER_BY


@dataclass(frozen=True)
class Hasher:
    """Computes keyed hashes of values with the ledger's secret."""

    secret: bytes
    seed: int

    def hash(self, value: bytes) -> bytes:
        return hmac.digest(self.secret, value, "sha256")

    def coarse(self, value: bytes) -> int:
        """Returns a keyed checksum, which rules out most values in a tenth of the time. It is stored encrypted."""
        return zlib.crc32(value, self.seed) & 0xFFFF

    def matching(
        self, rows: Rows, value: ValueOf, hashes: Collection[bytes], coarse: Collection[int], *, fold: bool
    ) -> Rows:
        """Returns the rows that have one of the values. The code is inlined: every row of a table passes here."""
        crc32 = zlib.crc32
        if fold:
            seed = crc32(_FOLDED, self.seed)
            likely = (row for row in rows if crc32(value(row).lower(), seed) & 0xFFFF in coarse)
            return (row for row in likely if self.hash(without_case(value(row))) in hashes)
        seed = self.seed
        likely = (row for row in rows if crc32(value(row), seed) & 0xFFFF in coarse)
        return (row for row in likely if self.hash(value(row)) in hashes)


def forms_of(value: str, *, fold: bool) -> set[bytes]:
    """Returns the bytes that SQLite may store for a value: text or blob, integer, real number; x'…' also as a blob."""
    found = {value.encode()}
    if _BLOB.fullmatch(value):
        found.add(bytes.fromhex(value[2:-1]))
    try:
        number = int(value)
    except ValueError:
        pass
    else:
        if str(number) == value:
            found.add(f"{number}.0".encode())
    return found | {without_case(form) for form in found} if fold else found


def without_case(value: bytes) -> bytes:
    """Returns the bytes to hash for a case-insensitive column, which never equal those of a case-sensitive one."""
    return _FOLDED + value.lower()


def hash_values(hasher: Hasher, values: Iterable[str], *, fold: bool) -> tuple[list[str], list[int]]:
    """Returns the hashes and checksums of all forms of all values, sorted so that their order reveals nothing."""
    forms = {form for value in values for form in forms_of(value, fold=fold)}
    hashes = sorted(hasher.hash(form).hex() for form in forms)
    return hashes, sorted({hasher.coarse(form) for form in forms})


def too_long(value: str) -> bool:
    return len(value.encode()) > _LONGEST
