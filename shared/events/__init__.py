"""Log events and the audit trail: what happened, for alerts and for people."""
