"""Continuous backups: a cycle, which makes a point or finds that nothing was written, and the loop of cycles."""

from shared.operations.continuous.cycle import Memory, Quiet, run_cycle

__all__ = ["Memory", "Quiet", "run_cycle"]
