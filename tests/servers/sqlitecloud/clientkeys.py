"""The client keys of a connection, set with `SET CLIENT KEY`."""

import uuid

from tests.servers.sqlitecloud.errors import GENERIC, NOT_FOUND, Refusal
from tests.servers.sqlitecloud.rowsets import Shape
from tests.servers.sqlitecloud.settings import Settings

_NUMBERS = ("COMPRESSION", "MAXDATA", "MAXROWS", "MAXROWSET", "NOBLOB", "NONLINEARIZABLE", "ZEROTEXT")


class ClientKeys:
    def __init__(self, number: int, address: str) -> None:
        self._numbers = dict.fromkeys(_NUMBERS, 0)
        self._fixed = {"ID": str(number), "IP": address, "UUID": str(uuid.uuid4())}

    def listing(self) -> list[tuple[str, str]]:
        numbers = {name: str(number) for name, number in self._numbers.items()}
        return sorted((numbers | self._fixed).items())

    def get(self, name: str) -> str:
        known = dict(self.listing())
        if name.upper() not in known:
            raise Refusal(NOT_FOUND, f"Client key {name} does not exist.")
        return known[name.upper()]

    def set(self, name: str, content: str) -> None:
        self.get(name)
        if name.upper() in self._fixed:
            raise Refusal(GENERIC, f"Client key {name} is read-only.")
        if not content.isdigit():
            raise Refusal(GENERIC, f"Unable to set client key {name} to {content}.")
        self._numbers[name.upper()] = int(content)

    def shape(self, settings: Settings) -> Shape:
        numbers = self._numbers
        threshold = settings.number("min_compression_size") if numbers["COMPRESSION"] else None
        return Shape(
            zero_text=bool(numbers["ZEROTEXT"]),
            no_blob=bool(numbers["NOBLOB"]),
            max_data=numbers["MAXDATA"],
            max_rows=numbers["MAXROWS"],
            max_rowset=numbers["MAXROWSET"],
            chunk=settings.number("max_chunk_size"),
            compress_above=threshold,
        )
