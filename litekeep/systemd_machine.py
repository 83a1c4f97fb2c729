"""Describes this machine for systemd units: program, user and folders, from settings and flags."""

import os
import pwd
import shutil
import sys
from pathlib import Path

from shared.errors import UsageError
from shared.settings import Settings, named_credentials_file, only_in_environment
from shared.settings.files import check_own_file
from shared.sqlite.location import FileLocation
from shared.systemd.units import Machine
from shared.terminal.parts import source_of


def machine_of(settings: Settings, *, of_user: bool, run_as: str | None) -> Machine:
    """Returns the description.

    Raises UsageError if units could not run here: settings that only this shell has, no database, an unknown user.
    """
    if shell_only := only_in_environment():
        raise UsageError(
            f"{', '.join(shell_only)}: set only in this shell, which units do not see; write it into .env or "
            "litekeep.toml here, or unset it"
        )
    user = _user(run_as)
    program = _program()
    if user.pw_uid == 0:
        check_own_file(Path(program[0]))
    home, here = Path(user.pw_dir), Path.cwd()
    source = source_of(settings)
    stores = [url for url in (settings.backup_store, settings.backup_copy_store) if url and not url.startswith("gs://")]
    key = settings.backup_key
    credentials = named_credentials_file()
    return Machine(
        program=program,
        folder=here,
        user=None if of_user else user.pw_name,
        key_file=_absolute(key.removeprefix("file:"), home, here) if key.startswith("file:") else None,
        written=tuple(_absolute(url, home, here) for url in stores),
        source=source.path.expanduser().resolve().parent if isinstance(source, FileLocation) else None,
        environment={"GOOGLE_APPLICATION_CREDENTIALS": str(credentials.absolute())} if credentials else {},
    )


def _user(name: str | None) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(os.getuid()) if name is None else pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"--run-as {name}: there is no such user on this machine") from None


def _program() -> tuple[str, ...]:
    """Returns the command that starts this program in a unit. `-I` keeps Python from importing from the folder."""
    called = shutil.which(sys.argv[0]) if Path(sys.argv[0]).name == "litekeep" else None
    return (sys.executable, "-I", "-m", "litekeep") if called is None else (str(Path(called).absolute()),)


def _absolute(text: str, home: Path, here: Path) -> Path:
    """Returns the absolute path; `~` is the home of the user who runs the units."""
    path = home / text.removeprefix("~/") if text.startswith("~/") else Path(text).expanduser()
    return Path(os.path.normpath(here / path))
