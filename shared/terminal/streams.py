"""Prepares stdout and stderr for any terminal, pipe and file name."""

import os
import stat
import sys
from contextlib import suppress
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any, NoReturn


class ReaderLeft(BaseException):
    """The reader of stdout or stderr has closed the pipe, as `head` does.

    Not a BrokenPipeError: click and Rich exit with 1 on any of these, also on one from a server's connection.
    """


class _Pipe(FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise ReaderLeft from None


def prepare_streams() -> None:
    """Prepares stdout and stderr, and replaces a closed stdin by an empty one.

    A closed stdout or stderr discards its output. A pipe raises ReaderLeft once its reader has closed it. Characters
    that the encoding lacks are escaped.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - open until the process ends
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open until the process ends
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            if _is_pipe(stream, descriptor):
                setattr(sys, name, _over_pipe(stream, descriptor))


def leave(code: int) -> NoReturn:
    """Ends the process after a stream broke. Redirects both to /dev/null, so that the flush at exit does not fail."""
    for descriptor in (1, 2):
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    sys.exit(code)


def _is_pipe(stream: TextIOWrapper, descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
        return stream.fileno() == descriptor and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))
    except OSError:
        return False


def _over_pipe(stream: TextIOWrapper, descriptor: int) -> TextIOWrapper:
    buffer = BufferedWriter(_Pipe(descriptor, "w", closefd=False))
    return TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
