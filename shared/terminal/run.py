"""Runs a command: one line for each error, the contract's exit codes, and a clean end on Ctrl-C and SIGTERM."""

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
from shared.terminal.endings import Stopped, heed_no_more, heed_sigterm, over, reason_of, reported_at_all
from shared.terminal.screen import end_bars
from shared.terminal.streams import ReaderLeft, leave, prepare_streams
from shared.terminal.wrapping import fitting
from shared.text import printable

if TYPE_CHECKING:
    from shared.events.log import Event


_EXIT_READER_LEFT = 128 + signal.SIGPIPE  # what a shell reports of a program that SIGPIPE ended


def run(
    command: click.Command,
    name: str | None = None,
    failure: "Event | None" = None,
    wrong_usage: "Event | None" = None,
) -> NoReturn:
    """Runs `command` and ends the process with the exit code that its outcome has.

    `failure` is the event that a job writes when it fails before it could write any; `wrong_usage` instead of that,
    where a wrong flag or setting must not look like the failure of what was never begun.
    """
    try:
        _run(command, name, failure, wrong_usage)
    finally:
        over()


def _run(command: click.Command, name: str | None, failure: "Event | None", wrong_usage: "Event | None") -> NoReturn:
    arguments = sys.argv[1:]
    gc.set_threshold(50_000)  # of the 100,000 objects that are imported none is garbage: 10 ms
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it asks every installed package: 10 ms
    atexit.register(gc.freeze)  # a process that ends need not look for garbage first: 40 ms
    prepare_streams()
    heed_sigterm()
    try:
        with _reported(failure, wrong_usage or failure, arguments):
            code = _outcome(command, name, arguments)
        sys.stdout.flush()  # while what it says can still be told in a line
        heed_no_more()
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        where = f"; see: {error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        _end(f"{reason_of(error)}{where}", 2, arguments)
    except LitekeepError as error:
        _end(str(error), error.exit_code, arguments)
    except (KeyboardInterrupt, click.Abort, Stopped):
        rest = "what was not finished was removed, and nothing half-made counts as a backup"
        _end(f"interrupted: {so_far() or rest}", 1, arguments)
    except ReaderLeft:
        leave(_EXIT_READER_LEFT)
    except OSError as error:
        _end(reason_of(error), 1, arguments)
    except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, it ends in one line
        kind = type(error).__name__
        _end(
            f"unexpected {kind}, a defect of Litekeep: run it again with --debug and report what it prints",
            1,
            arguments,
        )


def _outcome(command: click.Command, name: str | None, arguments: list[str]) -> object:
    """Runs the command and returns its exit code, or what it returns."""
    stdout = sys.stdout
    try:
        return command.main(arguments, prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message())
        return 2
    except SystemExit:
        if sys.stdout is stdout:
            raise
        sys.stdout = stdout  # click takes each broken pipe for stdout's and ends without a line, but ours is ReaderLeft
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None


@contextmanager
def _reported(failure: "Event | None", wrong_usage: "Event | None", arguments: list[str]) -> Iterator[None]:
    event = failure

    def report(why: str) -> None:
        from shared.terminal.last_word import report_failure  # noqa: PLC0415 - `--help` must not wait for it

        if event is not None:
            report_failure(event, why, arguments)

    with reported_at_all(report):
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
    shown = fitting(f"error: {line}", sys.stderr).removeprefix("error: ")
    try:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {shown}", err=True)
        if "--json" in arguments:
            click.echo(json.dumps({"error": line, "exit_code": code}))
        sys.stdout.flush()
    except (OSError, ReaderLeft):  # nobody takes what we say: the exit code remains
        leave(code)
    heed_no_more()
    sys.exit(code)
