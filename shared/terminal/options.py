"""Options shared by several commands, and the settings that they override."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from shared.errors import UsageError

if TYPE_CHECKING:
    from shared.settings import Settings

Function = TypeVar("Function", bound=Callable[..., Any])

store = click.option(
    "--store", metavar="URL", help="Where backups live: gs://BUCKET[/PREFIX] or a folder. [BACKUP_STORE]"
)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
database = click.option("--database", metavar="NAME", help="Only backups of this database.")
_prove = click.option(
    "--verify",
    "prove",
    metavar="[=full]",
    is_flag=False,
    flag_value="once",
    type=click.Choice(["once", "full"]),
    help="Run all checks before the result is put in place. A page image that was verified before is only read back "
    "and compared by its SHA-256; =full checks it again.",
)
_verbose = click.option(
    "--verbose", is_flag=True, expose_value=False, help="On a terminal, also show events and audit lines."
)
_debug = click.option("--debug", is_flag=True, expose_value=False, help="Add a traceback to an error. [DEBUG]")


def erasures(function: Function) -> Function:
    """Adds the options for erasures, for commands that read data out of a backup."""
    without = click.option(
        "--without-erasures", is_flag=True, help="Do not replay recorded erasures. Refused in production."
    )
    absent = click.option(
        "--absent", multiple=True, metavar="T[.C]", help="An erased table or column that this backup never had."
    )
    return without(absent(function))


def what_and_where(function: Function) -> Function:
    """Adds the options of a restore and of a request for one: which backup, the target, and which parts."""
    options = (
        click.option(
            "--backup", "ref", metavar="REF", help="An id, an artifact's file name, latest, or latest-verified."
        ),
        click.option(
            "--at", metavar="TIME", help="The newest backup taken at or before that time (UTC unless it has an offset)."
        ),
        click.option("--to", metavar="URL", help="A new database. [beside the source, named after the backup]"),
        click.option("--in-place", is_flag=True, help="Overwrite the source, after a safety backup of it."),
        _prove,
        click.option("--schema-only", is_flag=True, help="Tables, indexes, views and triggers without rows."),
        click.option("--table", "tables", multiple=True, metavar="T", help="Only this table; may be repeated."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def common(function: Function) -> Function:
    """Adds the options of every command. It must be the lowest decorator, to check the values of all options."""

    @wraps(function)
    def checked(*arguments: Any, **flags: Any) -> Any:
        _refuse_empty(click.get_current_context())
        return function(*arguments, **flags)

    return as_json(_verbose(_debug(cast("Function", checked))))


def _refuse_empty(context: click.Context) -> None:
    """Raises UsageError for an empty value: `--backup "$ID"` with an unset ID must not mean the latest backup."""
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if value == "" or (isinstance(value, tuple) and "" in value):
            name = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name
            raise UsageError(f"{name} is empty: give a value, or leave it out; see: {context.command_path} --help")


def settings_with(**overrides: object) -> "Settings":
    """Returns the settings, overridden by the flags that are not None.

    Raises UsageError for a wrong setting or flag, NotPermitted for a place or key that the policy does not list.
    """
    from shared.settings import check_store, read_settings  # noqa: PLC0415 - `--help` must not wait for it

    given = {name: value for name, value in overrides.items() if value is not None}
    for name in ("backup_store", "backup_copy_store"):
        if name in given:
            try:
                check_store(str(given[name]))
            except ValueError as error:
                flag = "--store" if name == "backup_store" else "--copy-to"
                raise UsageError(f"{flag} is wrong: {error}") from None
    from shared.terminal.policy import under_policy  # noqa: PLC0415 - as above

    return under_policy(read_settings().model_copy(update=given))
