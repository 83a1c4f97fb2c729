"""Cloud Logging on this machine: what google.logging.v2 does of it that Litekeep calls."""
