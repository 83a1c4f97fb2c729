"""The console: web pages that show the state of backups and take a restore through request, approval and run.

See docs/console.md.
"""
