"""What differs between two states of a database: backups, moments, or the live one."""
