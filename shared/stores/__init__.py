"""Where backups live: a folder, or a bucket on Google Cloud Storage."""

from pathlib import Path

from shared.errors import UsageError
from shared.stores.interface import Store, StoredObject

__all__ = ["Store", "StoredObject", "open_store"]


def open_store(url: str, *, patience_seconds: float | None = None) -> Store:
    """Returns the store for `url`: `gs://BUCKET[/PREFIX]`, or a folder. Contacts nothing and creates nothing.

    `patience_seconds` is how long to retry a bucket's transient errors; None means the default.
    Raises UsageError for a `~user` path whose user or home folder does not exist.
    """
    if url.startswith("gs://"):
        from shared.stores.gcs import BucketStore, Patience  # noqa: PLC0415 - Google's library takes 0.4 s to import

        patience = None if patience_seconds is None else Patience(request=patience_seconds, chunk=patience_seconds)
        return BucketStore.from_url(url, patience)
    from shared.stores.folder import FolderStore  # noqa: PLC0415 - a bucket does not need it

    try:
        return FolderStore(Path(url).expanduser())
    except RuntimeError:
        raise UsageError(f"store {url}: there is no such user, or no home folder; write the path in full") from None
