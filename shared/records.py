"""The dataclass of values that a listing has by the ten thousand."""

from typing import TYPE_CHECKING, Any

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    def record(*, frozen: bool, slots: bool) -> Any:
        """Works like `dataclass`, but leaves it to mypy to refuse an assignment to a field.

        The check at run time makes a new value five times as slow, and a listing of ten thousand backups has 100,000.
        """
        return dataclass(slots=slots, unsafe_hash=frozen)
