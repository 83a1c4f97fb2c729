"""Restores rows of one table from a backup into a live database."""

from shared.operations.rows.options import RowsOptions, RowsPlan, RowsRestored
from shared.operations.rows.restore import plan_rows, restore_rows

__all__ = ["RowsOptions", "RowsPlan", "RowsRestored", "plan_rows", "restore_rows"]
