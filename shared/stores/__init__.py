"""Where backups live: a folder, or a bucket on Google Cloud Storage."""

from pathlib import Path

from shared.errors import UsageError
from shared.stores.interface import Store, StoredObject

__all__ = ["Store", "StoredObject", "open_store"]


def open_store(url: str) -> Store:
    """The store that `url` names: `gs://BUCKET[/PREFIX]`, or a folder. Nothing is contacted or made yet.

    Raises UsageError for a folder in the home of a user who has none.
    """
    if url.startswith("gs://"):
        from shared.stores.gcs import BucketStore  # noqa: PLC0415 - Google's library takes 0.4 s to import

        return BucketStore.from_url(url)
    from shared.stores.folder import FolderStore  # noqa: PLC0415

    try:
        return FolderStore(Path(url).expanduser())
    except RuntimeError:
        raise UsageError(f"store {url}: there is no such user, or no home folder; write the path in full") from None
