"""Reads units as systemd does, and runs their commands in a sandbox like that of the unit."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

SYSTEMD = "/usr/lib/systemd/systemd"
NOBODY = 65534
# Like ProtectSystem=strict with ReadWritePaths=: everything is read-only except these paths.
_SANDBOX = """
set -e
mount --make-rprivate /
for mounted in / "$TOP"; do
    mountpoint -q "$mounted" || mount --bind "$mounted" "$mounted"
    mount -o remount,bind,ro "$mounted"
done
for path in $WRITABLE; do mount --bind "$path" "$path"; mount -o remount,bind,rw "$path"; done
mount -t tmpfs tmpfs /var/tmp
cd "$FOLDER"
exec setpriv --no-new-privs --bounding-set "$CAPABILITIES" -- "$@"
"""


@dataclass(frozen=True)
class Unit:
    """A service unit: all values of each setting."""

    name: str
    values: dict[str, list[str]]

    def one(self, name: str) -> str:
        (value,) = self.values[name]
        return value

    @property
    def command(self) -> list[str]:
        return shlex.split(self.one("ExecStart"))

    @property
    def environment(self) -> dict[str, str]:
        words = [word for line in self.values.get("Environment", []) for word in shlex.split(line)]
        return dict(word.split("=", 1) for word in words)

    @property
    def writable(self) -> list[str]:
        return [word.removeprefix("-") for line in self.values.get("ReadWritePaths", []) for word in shlex.split(line)]


def read_unit(path: Path) -> Unit:
    values: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            values.setdefault(name, []).append(value)
    return Unit(path.name, values)


def run_as_unit(unit: Unit, state: Path, command: Iterable[str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the unit's command, or another, with its environment, folder, capabilities and writable paths."""
    state.mkdir(exist_ok=True)
    top, writable = Path(unit.one("WorkingDirectory")), [*unit.writable, str(state)]
    surroundings = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "LANG": "C.UTF-8"} | {
        name: value.replace("%S", str(state)) for name, value in unit.environment.items()
    }
    capabilities = "-all," + ",".join(
        "+" + each.removeprefix("CAP_").lower() for each in unit.one("CapabilityBoundingSet").split()
    )
    sandbox = {"TOP": str(top), "FOLDER": str(top), "WRITABLE": " ".join(writable), "CAPABILITIES": capabilities}
    whole = ["unshare", "--mount", "sh", "-c", _SANDBOX, "sh", *(command or unit.command)]
    return subprocess.run(whole, env=surroundings | sandbox, capture_output=True, text=True, timeout=120, check=False)


def may_mount() -> bool:
    return os.getuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


def as_systemd_reads(units: Mapping[str, str], unit: str) -> dict[str, list[str]]:
    """Returns the properties of one unit from systemd's own dump, which it writes only as an unprivileged user."""
    with TemporaryDirectory() as folder:
        for name, text in units.items():
            (Path(folder) / name).write_text(text)
        Path(folder).chmod(0o777)
        drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.getuid() == 0 else []
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "XDG_RUNTIME_DIR": folder,
            "SYSTEMD_UNIT_PATH": f"{folder}:",
            "SYSTEMD_LOG_TARGET": "console",
        }
        command = [*drop, SYSTEMD, "--test", "--user", f"--unit={unit}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    part = re.split(r"^\s*-> Unit ", done.stdout, flags=re.MULTILINE)
    (own,) = {each for each in part if each.startswith(f"{unit}:")}
    found: dict[str, list[str]] = {}
    for line in own.splitlines():
        name, _, value = line.strip().partition(": ")
        found.setdefault(name, []).append(value)
    return found


def verify(units: Iterable[Path]) -> str:
    """Returns the output of `systemd-analyze verify`, which is empty for valid units."""
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    return done.stderr + done.stdout + ("" if done.returncode == 0 else f"exit code {done.returncode}")
