"""Files that Litekeep puts into a user's folders: a completion, a manual page."""

from pathlib import Path

from shared.errors import LitekeepError, UsageError


def write_own_file(path: Path, content: str, *, mark: str, what: str) -> None:
    """Writes the file, and replaces one that holds `mark`. Raises UsageError for any other file that is there."""
    try:
        if path.exists() and mark not in path.read_text("utf-8", "replace"):
            raise UsageError(f"{path} is no {what}: move it away first")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    except OSError as error:
        raise LitekeepError(f"{path} cannot be written: {error.strerror}") from None
