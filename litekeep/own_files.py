"""Writes files into a user's folders: a shell completion, the manual page."""

from pathlib import Path

from shared.errors import LitekeepError, UsageError


def write_own_file(path: Path, content: str, *, mark: str, what: str) -> None:
    """Writes the file. Replaces an existing one only if it contains `mark`.

    Raises UsageError for any other existing file, LitekeepError if it cannot be written. `what` names the file's kind.
    """
    try:
        if path.exists() and mark not in path.read_text("utf-8", "replace"):
            raise UsageError(f"cannot write {path}: the file exists and is not a {what}; move it away first")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    except OSError as error:
        raise LitekeepError(f"cannot write {path}: {error.strerror}") from None
