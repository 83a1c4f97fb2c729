"""Approval by two persons: requests, decisions on them, and the single-use permit for an approved request."""
