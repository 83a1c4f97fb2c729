"""Writes the settings file of `litekeep init`: mode 0600, atomically, and never over an existing file."""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from shared.errors import LitekeepError, UsageError
from shared.runtime.files import publish
from shared.settings import in_files
from shared.settings.files import ENV_FILE, TOML_FILE

_HEAD = "# Written by litekeep init; litekeep --help lists every setting.\n"
_BARE = re.compile(r"[A-Za-z0-9_./:@,*+-]+", re.ASCII)


def choose_file(wanted: str | None) -> Path:
    """Returns the file to write: `wanted`, else `.env`, or `litekeep.toml` if there is a `.env` of another program.

    Raises UsageError if the file exists or settings are already in a file here.
    """
    for name in in_files():
        raise UsageError(f"{name} is already set in .env or litekeep.toml here: edit that file, or move it away")
    path = Path(wanted) if wanted else TOML_FILE if os.path.lexists(ENV_FILE) else ENV_FILE
    if os.path.lexists(path):
        raise UsageError(f"cannot write {path}: the file exists; edit it, or move it away")
    return path


def write_settings(path: Path, values: Mapping[str, str]) -> None:
    """Writes the file, after checking that it reads back with the same values. Raises LitekeepError, UsageError."""
    text = _HEAD + (_as_toml(values) if path.name == TOML_FILE.name else _as_env(values))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise LitekeepError(f"cannot write {path}: {error.strerror}") from None
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if _read_back(temporary, path) != dict(values):
            raise UsageError(f"cannot write {path}: one of the values would read back differently; write it by hand")
        publish(temporary, path, "settings")
    except FileExistsError:
        raise UsageError(f"cannot write {path}: the file exists; edit it, or move it away") from None
    except (OSError, UnicodeEncodeError) as error:
        raise LitekeepError(f"cannot write {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _as_env(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _as_toml(values: Mapping[str, str]) -> str:
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())


def _read_back(temporary: Path, path: Path) -> dict[str, str]:
    if path.name == TOML_FILE.name:
        return {name: str(value) for name, value in tomllib.loads(temporary.read_text("utf-8")).items()}
    return in_files(temporary)
