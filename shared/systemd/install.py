"""Installs the units as files and enables their timers. This is the only module that runs systemctl."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import LitekeepError, UsageError
from shared.runtime.files import replace_whole
from shared.systemd.units import MARK, PREFIX

_RUNNING = Path("/run/systemd/system")  # exists if systemd is running, see sd_booted(3)
_LONGEST = 90  # seconds for one call
_LARGEST = 64 << 10  # bytes; ours have about 1,500


@dataclass(frozen=True)
class Installed:
    """The result of an installation. `started`: systemd is running, so the timers are; else they start at boot."""

    removed: tuple[str, ...]
    started: bool


def install(folder: Path, units: Mapping[str, str], *, of_user: bool) -> Installed:
    """Writes the units, removes units from earlier installations that are no longer needed, and enables the timers.

    Files that `--install` did not write are never changed. Raises UsageError if one has the name of a unit,
    LitekeepError if the folder cannot be written or systemctl fails.
    """
    if shutil.which("systemctl") is None:
        raise UsageError("cannot install units: this machine has no systemctl; use litekeep systemd --print")
    for name in units:
        if os.path.lexists(folder / name) and not _is_ours(folder / name):
            raise UsageError(f"{folder / name} was not written by litekeep systemd: move it away first")
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        stale = sorted(path.name for path in folder.iterdir() if _is_unit(path) and path.name not in units)
        old_timers = [name for name in stale if name.endswith(".timer")]
        if old_timers:
            _systemctl("disable", old_timers, of_user=of_user, now=True)
        for name in stale:
            (folder / name).unlink()
        for name, content in units.items():
            replace_whole(folder / name, content.encode(errors="surrogateescape"), 0o644)
    except OSError as error:
        raise LitekeepError(f"cannot write units into {folder}: {error.strerror}") from None
    if _RUNNING.is_dir():
        _systemctl("daemon-reload", [], of_user=of_user, now=False)
    _systemctl("enable", [name for name in units if name.endswith(".timer")], of_user=of_user, now=True)
    return Installed(tuple(stale), _RUNNING.is_dir())


def _is_unit(path: Path) -> bool:
    return path.name.startswith(PREFIX) and path.suffix in (".service", ".timer") and _is_ours(path)


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(_LARGEST).startswith(MARK.encode())


def _systemctl(verb: str, names: Iterable[str], *, of_user: bool, now: bool) -> None:
    options = (["--user"] if of_user else []) + (["--now"] if now and _RUNNING.is_dir() else [])
    command = ["systemctl", *options, verb, *names]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, and names of our own
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise LitekeepError(
            f"systemctl {verb} did not finish within {_LONGEST} s: see journalctl, and try again"
        ) from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LitekeepError(f"systemctl {verb} failed after the units were written: {reason[:200]}")
