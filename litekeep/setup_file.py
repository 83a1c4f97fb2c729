"""The settings file that `litekeep init` writes: mode 0600, whole or not at all, and never over another."""

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
    """The file to write: the wanted one, else `.env`, or `litekeep.toml` where another program's `.env` is.

    Raises UsageError when it is there already, or when settings are.
    """
    for name in in_files():
        raise UsageError(f"{name} is set in .env or litekeep.toml here already: edit that file, or move it away")
    path = Path(wanted) if wanted else TOML_FILE if os.path.lexists(ENV_FILE) else ENV_FILE
    if os.path.lexists(path):
        raise UsageError(f"{path} is there already, and is not overwritten: edit it, or move it away")
    return path


def write_settings(path: Path, values: Mapping[str, str]) -> None:
    """Writes the file, once it is sure that it will be read as it was meant. Raises LitekeepError."""
    text = _HEAD + (_as_toml(values) if path.name == TOML_FILE.name else _as_env(values))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise LitekeepError(f"{path} cannot be written: {error.strerror}") from None
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if _read_back(temporary, path) != dict(values):
            raise UsageError(f"{path} cannot hold one of these values as it is: write the file by hand")
        publish(temporary, path, "settings")
    except FileExistsError:
        raise UsageError(f"{path} is there already, and is not overwritten: edit it, or move it away") from None
    except (OSError, UnicodeEncodeError) as error:
        raise LitekeepError(f"{path} cannot be written: {getattr(error, 'strerror', None) or 'no UTF-8'}") from None
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
