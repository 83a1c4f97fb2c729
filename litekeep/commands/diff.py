"""`litekeep diff`"""

from pathlib import Path
from typing import Any

import click

from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import progress_bars, say, say_json


@click.command()
@click.argument("a")
@click.argument("b", default="live")
@click.option("--table", "tables", multiple=True, metavar="T", help="Only this table, with the keys of differing rows.")
@click.option("--values", is_flag=True, help="With --table: also the values of the rows, unmasked.")
@click.option("--sql", metavar="F", type=click.Path(path_type=Path), help="Write the SQL that turns B into A to F.")
@database
@store
@common
def diff(as_json: bool, a: str, b: str, **flags: Any) -> int:
    """Show what differs from A to B: tables, schema, and rows by key.

    A and B are each a backup (an id, latest, latest-verified), a moment, or `live`: the database that
    DATABASE_URL names. B is `live` by default. The exit code is 0 whether they differ or not.

    \b
    Examples:
      litekeep diff latest
      litekeep diff 2024-01-15T12:00:00Z live --table orders
      litekeep diff backup-2024-01-14-000000 backup-2024-01-15-000000 --json
      litekeep diff latest --table orders --sql repair.sql
    """
    from litekeep.diff_screen import document_of, show
    from shared.compare.listing import listed_rows
    from shared.errors import UsageError
    from shared.operations.diff.compare import compare, open_pair
    from shared.operations.diff.script import write_script
    from shared.operations.diff.sides import make_side
    from shared.runtime.workspace import scratch_folder
    from shared.sqlite.publish import check_new
    from shared.terminal.places import comparing

    if flags["values"] and not flags["tables"]:
        raise UsageError("--values goes with --table: name the table whose rows you want to see")
    output: Path | None = flags["sql"]
    if output is not None:
        check_new(output, f"write --sql {output}")
    settings = settings_with(backup_store=flags["store"])
    chosen = frozenset(flags["tables"])
    with comparing(settings, "diff", (a, b), flags["database"], as_json=as_json) as place, scratch_folder() as scratch:
        with progress_bars(wanted=not as_json) as progress:
            one = make_side(a, place, scratch / "a.sqlite", progress=progress)
            other = make_side(b, place, scratch / "b.sqlite", progress=progress)
        with open_pair(one.path, other.path) as both:
            with progress_bars(wanted=not as_json) as progress:
                found = compare(both, chosen, progress=progress)
            rows = {name: listed_rows(both, name, values=flags["values"]) for name in sorted(chosen)}
            if output is not None:
                write_script(both, found, output, scratch)
            if as_json:
                document = document_of(one, other, found)
                say_json(document | {"rows": {name: list(each) for name, each in rows.items()}} if chosen else document)
            else:
                show(one, other, found, rows)
        if output is not None and not as_json:
            say(f"SQL that turns {other.label} into {one.label}, tried on a copy: {output}")
    return 0
