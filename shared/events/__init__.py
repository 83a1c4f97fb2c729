"""Log events and the audit file, for alerts and for people."""
