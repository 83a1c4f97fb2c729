"""The client for SQLite Cloud: connection strings, the hardened driver, sessions and their errors."""
