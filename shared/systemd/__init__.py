"""Units and timers for a server with systemd, in place of the jobs and schedules on Google Cloud."""
