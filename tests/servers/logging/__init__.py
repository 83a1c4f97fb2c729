"""A local Cloud Logging with the calls of google.logging.v2 that Litekeep uses."""
