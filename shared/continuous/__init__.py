"""Chains of page-level increments: page index, radix rule for parents, path to a point, and rebuild of a point."""
