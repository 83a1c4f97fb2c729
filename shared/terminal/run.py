"""Runs a command: one line for each error, the contract's exit codes, and a clean end on Ctrl-C and SIGTERM."""

import errno
import json
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from shared.errors import LitekeepError


class Stopped(BaseException):
    """SIGTERM arrived. Not an Exception, so that nothing takes it for a failure that can be handled."""


def run(command: click.Command, arguments: list[str] | None = None, name: str | None = None) -> NoReturn:
    """Runs `command` and ends the process with the exit code that its outcome has."""
    arguments = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = command.main(arguments, prog_name=name, standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        where = f"; see: {error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        _end(f"{' '.join(error.format_message().split()).rstrip('.')}{where}", 2, arguments)
    except LitekeepError as error:
        _end(str(error), error.exit_code, arguments)
    except (KeyboardInterrupt, click.Abort, Stopped):
        _end(
            "interrupted: what was not finished was removed, and nothing half-made counts as a backup",
            1,
            arguments,
        )
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        _end(_outside(error), 1, arguments)
    except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, it ends in one line
        kind = type(error).__name__
        _end(
            f"unexpected {kind}, a defect of Litekeep: run it again with --debug and report what it prints",
            1,
            arguments,
        )


def _outside(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"no space left on the disk of {error.filename or 'the scratch folder'}: make room, or set TMPDIR"
    return f"{error.strerror or type(error).__name__}: {error.filename or 'an operation of the system'}"


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough: cleaning up must not be interrupted
    raise Stopped


def _end(message: str, code: int, arguments: list[str]) -> NoReturn:
    from shared.settings import debug_wanted  # noqa: PLC0415 - `--help` must not wait for it

    if "--debug" in arguments or debug_wanted():
        traceback.print_exc()
    click.echo(f"{click.style('error:', fg='red', bold=True)} {' '.join(message.split())}", err=True)
    if "--json" in arguments:
        click.echo(json.dumps({"error": message, "exit_code": code}))
    sys.exit(code)
