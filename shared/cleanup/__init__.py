"""Deleting what retention lets go, and what interrupted runs left behind."""

from shared.cleanup.outcome import Outcome
from shared.cleanup.run import clean, preview

__all__ = ["Outcome", "clean", "preview"]
