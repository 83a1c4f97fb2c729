"""The console: pages that show how backups stand, and carry a restore by two persons. See docs/console.md."""
