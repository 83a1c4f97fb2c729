"""Runs a command: one line for an error, the documented exit code, and a clean end on Ctrl-C and SIGTERM."""

import atexit
import errno
import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from shared.errors import LitekeepError, UsageError
from shared.redaction import redact
from shared.runtime.so_far import so_far
from shared.terminal.endings import (
    Stopped,
    handle_stop_signals,
    ignore_stop_signals,
    reason_of,
    reported_once,
    run_end_callbacks,
)
from shared.terminal.screen import end_bars
from shared.terminal.streams import ReaderLeft, leave, prepare_streams
from shared.terminal.wrapping import fit_to_terminal
from shared.text import printable

if TYPE_CHECKING:
    from shared.events.log import Event


_EXIT_READER_LEFT = 128 + signal.SIGPIPE  # the exit code that a shell reports for a program that SIGPIPE ended


def run(
    command: click.Command,
    name: str | None = None,
    failure: "Event | None" = None,
    wrong_usage: "Event | None" = None,
) -> NoReturn:
    """Runs `command` and ends the process with its exit code.

    `failure` is the event to emit if the job fails before it has emitted one. `wrong_usage` replaces it for a wrong
    flag or setting, for jobs where that must not look like a failed verification or drill.
    """
    try:
        _run(command, name, failure, wrong_usage)
    finally:
        run_end_callbacks()


def _run(command: click.Command, name: str | None, failure: "Event | None", wrong_usage: "Event | None") -> NoReturn:
    arguments = sys.argv[1:]
    gc.set_threshold(50_000)  # saves 10 ms: imports make 100,000 objects, and none is garbage
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # saves 10 ms: no search through installed packages
    atexit.register(gc.freeze)  # saves 40 ms: no garbage collection at exit
    prepare_streams()
    handle_stop_signals()
    try:
        with _reported(failure, wrong_usage or failure, arguments):
            code = _outcome(command, name, arguments)
        sys.stdout.flush()  # here an error can still be reported in one line
        ignore_stop_signals()
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        where = f"; see: {error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        _end(f"{reason_of(error)}{where}", 2, arguments)
    except LitekeepError as error:
        _end(str(error), error.exit_code, arguments)
    except (KeyboardInterrupt, click.Abort, Stopped):
        rest = "unfinished files were removed, and no partial backup is listed"
        _end(f"interrupted: {so_far() or rest}", 1, arguments)
    except ReaderLeft:
        leave(_EXIT_READER_LEFT)
    except OSError as error:
        _end(reason_of(error), 1, arguments)
    except Exception as error:  # noqa: BLE001 - the last handler: every error ends in one line
        kind = type(error).__name__
        _end(
            f"unexpected {kind}, a defect of Litekeep: run it again with --debug and report what it prints",
            1,
            arguments,
        )


def _outcome(command: click.Command, name: str | None, arguments: list[str]) -> object:
    """Runs the command. Returns its exit code or return value."""
    stdout = sys.stdout
    try:
        return command.main(arguments, prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message())
        return 2
    except SystemExit:
        if sys.stdout is stdout:
            raise
        # On any BrokenPipeError click replaces stdout and exits silently. A broken stdout is a ReaderLeft here, so this
        # one came from something else.
        sys.stdout = stdout
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None


@contextmanager
def _reported(failure: "Event | None", wrong_usage: "Event | None", arguments: list[str]) -> Iterator[None]:
    """Emits the event of a failed job if the block raises and nothing was reported yet."""
    event = failure

    def report(why: str) -> None:
        from shared.terminal.early_failure import emit_early_failure  # noqa: PLC0415 - `--help` must not wait for it

        if event is not None:
            emit_early_failure(event, why, arguments)

    with reported_once(report):
        try:
            yield
        except (UsageError, click.UsageError):
            event = wrong_usage
            raise


def _end(message: str, code: int, arguments: list[str]) -> NoReturn:
    from shared.settings import debug_wanted  # noqa: PLC0415 - `--help` must not wait for it

    if "--debug" in arguments or debug_wanted():
        click.echo(redact(traceback.format_exc()), err=True, nl=False)
    end_bars()
    line = printable(redact(" ".join(message.split())))
    shown = fit_to_terminal(f"error: {line}", sys.stderr).removeprefix("error: ")
    try:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {shown}", err=True)
        if "--json" in arguments:
            click.echo(json.dumps({"error": line, "exit_code": code}))
        sys.stdout.flush()
    except (OSError, ReaderLeft):  # the output cannot be written; the exit code still shows the failure
        leave(code)
    ignore_stop_signals()
    sys.exit(code)
