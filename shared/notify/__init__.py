"""Notifications of findings that begin and end, and the heartbeat, for machines without Cloud Monitoring."""
