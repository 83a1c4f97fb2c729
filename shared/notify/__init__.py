"""Findings that begin and end, told to people where there is no Cloud Monitoring; and the heartbeat."""
