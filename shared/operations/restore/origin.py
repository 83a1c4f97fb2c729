"""Properties of the database that a backup was taken from, as its manifest records them."""

from shared.model.manifest import Manifest


def was_encrypted(manifest: Manifest) -> bool:
    """Returns whether the database was encrypted where it was backed up."""
    return (manifest.source.model_extra or {}).get("encrypted") is True
