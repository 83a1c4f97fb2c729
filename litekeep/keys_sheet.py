"""Implements `litekeep keys sheet`, which prints the key, and `litekeep keys enter`, which reads it back."""

import sys
from pathlib import Path

from shared.catalog.listing import Catalog
from shared.clock import rfc3339, utc_now
from shared.errors import UsageError
from shared.keys import open_key
from shared.keys.keyfile import KeyFile, secret_in
from shared.keys.paper import from_lines, to_lines
from shared.operations.rekey.sheet import Sheet, sheet_of
from shared.runtime.files import write_new
from shared.settings import Settings, read_settings
from shared.stores import open_store
from shared.terminal.audit import audited
from shared.terminal.parts import event_log
from shared.terminal.screen import say, say_json, say_what_to_type
from shared.version import TOOL

_LARGEST = 64 << 10  # characters of input


def run_sheet(settings: Settings, output: Path | None, *, as_json: bool) -> None:
    """Writes the recovery sheet to `output` or stdout.

    Raises KeyProblem if the key cannot be opened, StoreError if the store cannot be listed.
    """
    catalog = Catalog(open_store(settings.backup_store))
    key = open_key(settings.backup_key)
    log = event_log(settings, result_on_stdout=True)
    with audited(log, settings, "keys sheet", str(output) if output else "stdout"):
        lines = to_lines(secret_in(_path(settings))) if settings.backup_key.startswith("file:") else []
        text = sheet_of(
            Sheet(
                made_at=rfc3339(utc_now()),
                tool=TOOL,
                store=_absolute(settings.backup_store),
                copy_store=_absolute(settings.backup_copy_store) if settings.backup_copy_store else None,
                key=settings.backup_key,
                key_name=key.name if key else None,
                lines=lines,
                databases=sorted({backup.name.database for backup in catalog.backups()}),
            )
        )
        if output is not None:
            _write(output, text)
    if as_json:
        say_json({"output": str(output) if output else None, "sheet": None if output else text})
    elif output is not None:
        say(f"Wrote {output}: print it, lock it away, and remove the file")
    else:
        sys.stdout.write(text)


def run_enter(path: Path, *, as_json: bool) -> None:
    """Reads the lines of a sheet from stdin, and creates the key file from them. Raises UsageError, KeyProblem."""
    settings = read_settings()
    say_what_to_type(
        "Type the lines of the sheet, each with its number and checksum; then Ctrl-D on a line of its own:"
    )
    text = sys.stdin.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise UsageError("stdin is longer than a sheet: give the lines of one key")
    with audited(event_log(settings, result_on_stdout=as_json, trail=False), settings, "keys enter", str(path)):
        key = KeyFile.create_again(path, from_lines(text))
    if as_json:
        say_json({"path": str(path), "name": key.name})
        return
    say(f"Made {path}, the key {key.name}")
    say(f"Use it: export BACKUP_KEY=file:{path}")


def _path(settings: Settings) -> Path:
    return Path(settings.backup_key.removeprefix("file:")).expanduser()


def _absolute(url: str) -> str:
    return url if url.startswith("gs://") else str(Path(url).expanduser().resolve())


def _write(output: Path, text: str) -> None:
    try:
        write_new(output, text.encode(), "sheet")
    except FileExistsError:
        raise UsageError(f"cannot write --output {output}: the file exists; choose another name") from None
    except OSError as error:
        raise UsageError(f"cannot write --output {output}: {error.strerror}") from None
