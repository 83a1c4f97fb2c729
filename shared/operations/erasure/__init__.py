"""Erasures: a ledger in the store, without the erased values, that every restore and export replays."""
