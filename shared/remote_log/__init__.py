"""Cloud Logging for machines outside Cloud Run: their events, and the checkpoints of the audit trail as an anchor."""
