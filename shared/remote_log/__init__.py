"""Cloud Logging: events of machines outside Cloud Run, and a second record of the audit trail's checkpoints."""
