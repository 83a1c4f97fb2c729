"""`litekeep continuous`"""

import re
from datetime import timedelta

import click

from shared.errors import UsageError
from shared.terminal.options import common, settings_with, store
from shared.text import count

_LENGTH = re.compile(r"([1-9]\d{0,4})([smh])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SHORTEST, _LONGEST = timedelta(seconds=5), timedelta(hours=1)


@click.command()
@click.option("--every", default="30s", show_default=True, metavar="LENGTH", help="Time between cycles.")
@click.option("--once", is_flag=True, help="Run one cycle, and exit with its error if it fails.")
@store
@click.option("--copy-to", metavar="URL", help="A second store for each point. [BACKUP_COPY_STORE]")
@common
def continuous(as_json: bool, every: str, once: bool, store: str | None, copy_to: str | None) -> int:
    """Take continuous backups of DATABASE_URL: a point after each change.

    Runs until it is stopped, or until another one starts on the same database and store.

    \b
    Examples:
      litekeep continuous --every 30s
      litekeep continuous --once --json
      litekeep restore --at 2024-01-15T10:31:00Z --to then.db
    """
    from litekeep.continuous_loop import run_loop
    from shared.model.kinds import Kind
    from shared.operations.backup.options import BackupOptions
    from shared.operations.copy import check_apart
    from shared.stores import open_store
    from shared.terminal.parts import event_log, events_own_stdout, key_of, source_of
    from shared.terminal.screen import say, say_json

    length = _length(every)
    settings = settings_with(backup_store=store, backup_copy_store=copy_to)
    if settings.backup_databases is not None:
        raise UsageError("litekeep continuous takes one database: unset BACKUP_DATABASES, and run one for each")
    if settings.backup_copy_store:
        what = "--copy-to" if copy_to else "BACKUP_COPY_STORE"
        check_apart(settings.backup_store, settings.backup_copy_store, what)
    quiet = as_json or events_own_stdout(settings)
    options = BackupOptions(
        location=source_of(settings),
        store=open_store(settings.backup_store),
        key=key_of(settings, may_create=True),
        kind=Kind.CONTINUOUS,
        keep_for=settings.retention_of(Kind.CONTINUOUS),
        environment=settings.environment.value,
        copy_store=open_store(settings.backup_copy_store) if settings.backup_copy_store else None,
    )
    log = event_log(settings, result_on_stdout=as_json)
    result = run_loop(options, settings, log, length, once=once, tell=(lambda _: None) if quiet else say)
    if as_json:
        say_json(result.to_json())
    elif not quiet:
        say(
            f"{count(result.points, 'point')}, {count(result.quiet, 'time')} nothing written, {result.failed} failed; "
            f"newest: {result.last or '-'}"
        )
    return 0


def _length(text: str) -> timedelta:
    found = _LENGTH.fullmatch(text)
    length = timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else timedelta(0)
    if not _SHORTEST <= length <= _LONGEST:
        raise UsageError(f"--every {text!r} is not allowed: write a length from 5s to 1h, such as 30s or 3m")
    return length
