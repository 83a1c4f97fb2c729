"""Tests of the local SQLite Cloud server: protocol bytes, rules, faults, and the platform's own drivers."""
