"""Where backups live: a folder, or a bucket on Google Cloud Storage."""

from pathlib import Path

from shared.errors import UsageError
from shared.stores.interface import Store, StoredObject

__all__ = ["Store", "StoredObject", "open_store"]


def open_store(url: str, *, patience_seconds: float | None = None) -> Store:
    """The store that `url` names: `gs://BUCKET[/PREFIX]`, or a folder. Nothing is contacted or made yet.

    `patience_seconds`: how long a bucket's transient errors are waited for, where that should not be as long as usual.
    Raises UsageError for a folder in the home of a user who has none.
    """
    if url.startswith("gs://"):
        from shared.stores.gcs import BucketStore, Patience  # noqa: PLC0415 - Google's library takes 0.4 s to import

        hasty = None if patience_seconds is None else Patience(request=patience_seconds, chunk=patience_seconds)
        return BucketStore.from_url(url, hasty)
    from shared.stores.folder import FolderStore  # noqa: PLC0415

    try:
        return FolderStore(Path(url).expanduser())
    except RuntimeError:
        raise UsageError(f"store {url}: there is no such user, or no home folder; write the path in full") from None
