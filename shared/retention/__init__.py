"""Retention: delete expired backups, and objects that interrupted runs left behind."""

from shared.retention.cleanup import clean, preview
from shared.retention.outcome import Outcome

__all__ = ["Outcome", "clean", "preview"]
