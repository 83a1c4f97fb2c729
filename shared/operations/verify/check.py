"""Verdicts of the checks, which both sides of the confined process use.

This module imports neither `dump` nor SQLite's checks, which run only in the confined process.
"""

from dataclasses import dataclass

from shared.model.names import Format
from shared.sqlite.facts import Soundness
from shared.sqlite.remedies import damage_line


@dataclass(frozen=True)
class Check:
    """One check (a rung of the ladder) and its verdict."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Proof:
    """The checks of a rebuilt database, and what SQLite's integrity check found."""

    checks: list[Check]
    integrity: Soundness
    form: Format

    @property
    def source_damage(self) -> str | None:
        """Damage of the source and its repair, as one line; None if there is none, or if only SQL was checked.

        A page image whose bytes have the recorded hash equals its source.
        """
        if self.form is Format.SQL or self.integrity.good:
            return None
        return damage_line(self.integrity.problems)
