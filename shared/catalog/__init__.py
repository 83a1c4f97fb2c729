"""The backups in a store: listing them, resolving a REF to one, holding them."""
