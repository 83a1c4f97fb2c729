"""Taking a backup: snapshot, dump and page image, archive, store, and the manifest last."""
