"""Generates the manual page from the same text as `--help`."""

import re
from collections.abc import Iterator
from datetime import date

import click

from shared.version import VERSION

_BLOCK = "\b"  # click's mark of a paragraph that is not re-wrapped


def manual_page(root: click.Group, today: date) -> str:
    """Returns the manual page of `root` and all its commands as roff."""
    context = click.Context(root, info_name="litekeep")
    lines = [
        f'.TH LITEKEEP 1 "{today:%Y-%m-%d}" "litekeep {VERSION}" "User commands"',
        ".SH NAME",
        f"litekeep \\- {_inline(_summary(root))}",
        ".SH SYNOPSIS",
        "litekeep [COMMAND] [OPTIONS]",
        ".SH DESCRIPTION",
        *_text(root.help or ""),
        ".SH COMMANDS",
    ]
    for command, own in _commands(context, root):
        lines += [f".SS {_inline(' '.join([own.command_path, *command.collect_usage_pieces(own)]))}"]
        lines += _text(command.help or "")
        lines += _options(command, own)
    lines += [".SH SETTINGS AND EXIT STATUS", *_text(root.epilog or "")]
    return "\n".join(lines) + "\n"


def _commands(context: click.Context, group: click.Group) -> Iterator[tuple[click.Command, click.Context]]:
    """Yields every command below the group with its context, groups before their commands."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        own = click.Context(command, info_name=name, parent=context)
        yield command, own
        if isinstance(command, click.Group):
            yield from _commands(own, command)


def _summary(command: click.Command) -> str:
    return (command.help or "").split("\n", 1)[0].rstrip(".")


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield from (".TP", f"\\fB{_inline(record[0])}\\fR", _inline(record[1]) or "\\&")


def _text(text: str) -> Iterator[str]:
    """Yields the text as roff paragraphs; those that begin with click's mark keep their lines."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = [line.rstrip() for line in paragraph.splitlines()]
        yield ".PP"
        if lines[0].strip() == _BLOCK:
            yield from (".nf", *map(_inline, lines[1:]), ".fi")
        else:
            yield _inline(" ".join(line.strip() for line in lines))


def _inline(text: str) -> str:
    """Returns the text escaped for roff."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain
