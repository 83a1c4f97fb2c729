"""Reads settings from `.env` and `litekeep.toml`, which use the same names."""

import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from shared.errors import UsageError

ENV_FILE = Path(".env")
TOML_FILE = Path("litekeep.toml")
_LARGEST = 1 << 20  # bytes
_PLACE = re.compile(r"at line \d+")
_NAME = re.compile(r"\w{1,40}", re.ASCII)


def read_env_file(path: Path) -> dict[str, str | None]:
    """Returns the values of a `.env` file, empty if there is none. Raises OSError or UnicodeDecodeError."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - most machines have no such file

    return dict(dotenv_values(path, encoding="utf-8-sig"))


def read_toml(known: Collection[str], in_env_file: Mapping[str, str | None]) -> dict[str, str]:
    """Returns the settings in `litekeep.toml`, as text like in the environment; empty if there is no file.

    Raises UsageError for a name that is not in `known`, a value that is not a text, number or boolean, a setting that
    is in `.env` too, and a file that cannot be read.
    """
    if not os.path.lexists(TOML_FILE):
        return {}
    try:
        content = tomllib.loads(_text_of(TOML_FILE))
    except OSError as error:
        raise UsageError(f"{TOML_FILE} cannot be read ({error.strerror}): make it readable, or remove it") from None
    except (ValueError, RecursionError) as error:  # its message may quote the file, so only the line is repeated
        place = _PLACE.search(str(error))
        where = f" {place[0]}" if place else ""
        raise UsageError(f'{TOML_FILE} is not valid TOML{where}: write NAME = "value", one per line') from None
    values = {name: text for name, value in content.items() if (text := _as_text(name, value, known))}
    for name in values:
        if in_env_file.get(name):
            raise UsageError(f"{name} is set in {ENV_FILE} and in {TOML_FILE}: remove it from one of them")
    return values


def check_own_file(path: Path) -> None:
    """Raises UsageError if another user can write a file that controls a run, as ssh does for its own files.

    A missing file is accepted.
    """
    try:
        found = path.stat()
    except OSError:
        return  # the caller reports why it cannot be read
    if found.st_uid not in (0, os.getuid()):
        raise UsageError(f"{path} belongs to another user, who could decide what this run does: chown it, or remove it")
    if found.st_mode & 0o022 and stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} can be written by others, who could decide what this run does: chmod go-w {path}")


def _text_of(path: Path) -> str:
    """Reads a regular file of at most _LARGEST bytes. Raises OSError, UnicodeDecodeError or UsageError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"{path} is not a regular file: replace it by one, or remove it")
        raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise UsageError(f"{path} has more than {_LARGEST} bytes: it should contain only settings")
    return raw.decode("utf-8-sig")


def _as_text(name: str, value: object, known: Collection[str]) -> str:
    if name not in known:
        shown = name if _NAME.fullmatch(name) else "a name"
        raise UsageError(f"{shown} in {TOML_FILE} is not a setting: litekeep --help lists the names")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise UsageError(f"{name} in {TOML_FILE} is wrong: allowed are text in quotes, a number, true or false")
