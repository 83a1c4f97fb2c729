"""Verdicts of the rungs: what both sides of a confined process know.

This module loads neither `dump` nor SQLite's checks: they run in the confined process alone.
"""

from dataclasses import dataclass

from shared.model.manifest import Integrity
from shared.model.names import Format
from shared.sqlite.remedies import damage_line


@dataclass(frozen=True)
class Check:
    """One rung of the ladder and its verdict."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Proof:
    """The rungs above the archive, and what SQLite's full check found."""

    checks: list[Check]
    integrity: Integrity
    form: Format

    @property
    def source_damage(self) -> str | None:
        """Returns what the full check finds in the source, and what repairs it; None if nothing, or if it cannot tell.

        A page image whose bytes have the recorded hash is its source.
        """
        if self.form is Format.SQL or self.integrity.good:
            return None
        return damage_line(self.integrity.problems)
