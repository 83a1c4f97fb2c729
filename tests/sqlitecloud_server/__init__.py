"""The local SQLite Cloud server keeps the protocol's promises: bytes, rules, faults, real drivers."""
