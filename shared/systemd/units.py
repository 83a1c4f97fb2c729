"""Generates the units: a hardened service for each task, and a timer that starts it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.model.kinds import Kind
from shared.model.schedules import DEFAULT_SCHEDULES, Schedule
from shared.systemd.calendar import calendar_of

MARK = "# Written by litekeep systemd; --install replaces it."
PREFIX = "litekeep-"

# When the tasks other than backups start. The defaults of Terraform's `schedules` are the same times.
VERIFY, CLEANUP, MONITOR, DRILL = "20 */6 * * *", "0 4 * * *", "10 * * * *", "0 3 * * 0"
RESTORE_CHECK = "0 5 1 * *"
_WITHOUT_SETTING = (Kind.DAILY, Kind.WEEKLY)

_ANYWHERE = """\
UMask=0077
Nice=10
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM"""
# These need the right to mount, which a user's service manager does not have, so they are for system units only.
_SYSTEM_ONLY = """\
ProtectSystem=strict
ProtectHome=read-only
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictNamespaces=yes
StateDirectory=litekeep
StateDirectoryMode=0700
Environment=XDG_STATE_HOME=%S TMPDIR=/var/tmp"""
# The capabilities that root needs to read and replace files of other users. Any other user gets none.
_OF_ROOT = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER"


@dataclass(frozen=True)
class Machine:
    """The machine that the units run on. All paths are absolute.

    `user`: who runs the tasks; None for units of a user's own service manager. `written`: the folders of stores.
    `source`: the folder of the database file, in which SQLite may have to write. `environment`: variables that the
    units set.
    """

    program: tuple[str, ...]
    folder: Path
    user: str | None
    key_file: Path | None = None
    written: tuple[Path, ...] = ()
    source: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ScheduledCommand:
    """A command with its schedule. `reads_key`: it fails without the key; `reads_source`: it opens the database."""

    name: str
    about: str
    arguments: tuple[str, ...]
    cron: str
    reads_key: bool = False
    reads_source: bool = False


def tasks_of(schedules: Mapping[Kind, Schedule] | None) -> list[ScheduledCommand]:
    """Returns a backup for each schedule (daily and weekly if BACKUP_SCHEDULES is not set), and the other tasks."""
    if schedules is None:
        schedules = {kind: DEFAULT_SCHEDULES[kind] for kind in _WITHOUT_SETTING}
    backups = [
        ScheduledCommand(
            f"backup-{kind}",
            f"{kind} backup",
            ("backup", "--kind", str(kind)),
            each.cron,
            reads_key=True,
            reads_source=True,
        )
        for kind, each in schedules.items()
    ]
    return [
        *backups,
        ScheduledCommand("verify", "verification of new backups", ("verify", "--since", "7d"), VERIFY, reads_key=True),
        ScheduledCommand("cleanup", "removal of expired backups", ("cleanup",), CLEANUP),
        ScheduledCommand("monitor", "check for missing and bad backups", ("monitor",), MONITOR),
        ScheduledCommand("drill", "restore drill, if one is due", ("drill",), DRILL, reads_key=True),
        ScheduledCommand(
            "restore-check",
            "check whether a restore would reach its target",
            ("restore", "--check"),
            RESTORE_CHECK,
            reads_key=True,
            reads_source=True,
        ),
    ]


def units_of(machine: Machine, tasks: list[ScheduledCommand]) -> dict[str, str]:
    """Returns the content of each unit by file name: a service and a timer for each task."""
    units: dict[str, str] = {}
    for task in tasks:
        units[f"{PREFIX}{task.name}.service"] = "\n".join(_service(machine, task)) + "\n"
        units[f"{PREFIX}{task.name}.timer"] = "\n".join(_timer(task)) + "\n"
    return units


def _service(machine: Machine, task: ScheduledCommand) -> Iterator[str]:
    yield from (MARK, "[Unit]", f"Description=Litekeep: {task.about}")
    if machine.user is not None:
        yield from ("Wants=network-online.target", "After=network-online.target")
        for folder in machine.written:
            yield f"RequiresMountsFor={_word(folder)}"
    if task.reads_key and machine.key_file is not None:
        yield "# The task is skipped while the key file is missing; litekeep-monitor still runs, and reports that."
        yield f"ConditionPathExists={_plain(machine.key_file)}"
    yield from ("", "[Service]", "Type=oneshot", f"WorkingDirectory={_plain(machine.folder)}")
    yield f"ExecStart={' '.join(_argument(part) for part in (*machine.program, *task.arguments))}"
    yield from (f"Environment={_word(f'{name}={value}')}" for name, value in machine.environment.items())
    if machine.user is not None:
        yield f"User={machine.user}"
        yield f"CapabilityBoundingSet={_OF_ROOT if machine.user == 'root' else ''}"
        yield _SYSTEM_ONLY
        yield from () if _uses_tmp(machine) else ("PrivateTmp=yes",)
        written = [*machine.written, *([machine.source] if task.reads_source and machine.source else [])]
        for folder in dict.fromkeys(written):
            yield f"ReadWritePaths={_word(f'-{folder}')}"  # -: the task itself reports a missing folder
    yield _ANYWHERE


def _uses_tmp(machine: Machine) -> bool:
    """Returns whether PrivateTmp= would hide files that the tasks need."""
    paths = [machine.folder, *machine.written, *(path for path in (machine.source, machine.key_file) if path)]
    return any(path.is_relative_to(place) for path in paths for place in ("/tmp", "/var/tmp"))  # noqa: S108 - names only


def _timer(task: ScheduledCommand) -> Iterator[str]:
    yield from (MARK, "[Unit]", f"Description=Starts Litekeep: {task.about}", "", "[Timer]")
    yield f"# {task.cron} (cron, UTC)"
    yield from (f"OnCalendar={expression}" for expression in calendar_of(task.cron))
    yield from ("AccuracySec=15s", "Persistent=yes", "", "[Install]", "WantedBy=timers.target")


def _plain(path: Path) -> str:
    """Escapes a value that extends to the end of the line. systemd expands %-specifiers in it."""
    return str(path).replace("%", "%%")


def _word(text: Path | str) -> str:
    """Quotes one word of a list, and escapes %-specifiers."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(not (c.isalnum() or c in "/._-=%:+@") for c in escaped) else escaped


def _argument(text: str) -> str:
    """Quotes one word of a command line, in which systemd also expands $ variables."""
    return _word(text).replace("$", "$$")
