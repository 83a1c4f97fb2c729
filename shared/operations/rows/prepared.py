"""What a restore of rows hands to its target."""

from dataclasses import dataclass
from pathlib import Path

from shared.operations.rows.apply import Writing
from shared.operations.rows.options import RowsPlan


@dataclass(frozen=True)
class Prepared:
    """A plan with the private files that it was made from."""

    plan: RowsPlan
    writing: Writing
    encoding: str
    backup: Path
    target: Path
    keys: Path
