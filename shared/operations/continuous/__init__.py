"""Continuous backups: a cycle stores a point, or finds that nothing was written."""

from shared.operations.continuous.cycle import Memory, Quiet, run_cycle

__all__ = ["Memory", "Quiet", "run_cycle"]
