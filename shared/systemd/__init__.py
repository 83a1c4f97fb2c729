"""Units and timers for a machine with systemd: what Terraform's jobs and schedules are on Google Cloud."""
