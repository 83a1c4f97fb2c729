"""Chains of page-level increments: the page index, the parent by the radix rule, the path to a point, its rebuild."""
