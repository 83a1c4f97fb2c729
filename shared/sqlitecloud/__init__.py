"""SQLite Cloud as a service to talk to: connection strings, the hardened driver, sessions and their errors."""
