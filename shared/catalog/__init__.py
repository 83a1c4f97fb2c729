"""A store seen as backups: the listing, which backup a REF means, holds."""
