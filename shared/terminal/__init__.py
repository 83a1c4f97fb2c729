"""Shared by the command line and the jobs' entry points: flags, exit codes, terminal output."""
