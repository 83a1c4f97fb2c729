"""`litekeep import`"""

from pathlib import Path

import click

from shared.errors import UsageError
from shared.operations import transfer
from shared.settings import read_settings
from shared.sqlite.location import FileLocation
from shared.terminal.audit import audited
from shared.terminal.options import common
from shared.terminal.parts import event_log, location_of
from shared.terminal.screen import progress_bars, say, say_json
from shared.text import count


@click.command(name="import")
@click.option("--file", "file", required=True, metavar="F", type=click.Path(path_type=Path), help="The file to load.")
@click.option("--to", metavar="URL", help="The new database. [beside F, with the name of F and .db]")
@common
def import_file(as_json: bool, file: Path, to: str | None) -> None:
    """Load a .sql, .sql.gz, .sqlite or .sqlite.zst file into a new database.

    Loads dumps made by Litekeep and by the stock sqlite3 shell. A dump runs with limits: it can create and fill tables,
    and cannot access any other file.

    \b
    Examples:
      litekeep import --file dump.sql.gz
      litekeep import --file dump.sql --to /srv/app/new.db
      litekeep import --file dump.sql.gz --to sqlitecloud://HOST/new.db
    """
    if not file.is_file():
        raise UsageError(f"--file {file} is not a file")
    settings = read_settings()
    location = location_of(to, settings) if to else FileLocation(file.with_name(file.name.split(".")[0] + ".db"))
    log = event_log(settings, result_on_stdout=as_json)
    with (
        audited(log, settings, "import", location.display, database=location.database, reason=f"of {file}"),
        progress_bars(wanted=not as_json) as progress,
    ):
        done = transfer.import_file(file, location, progress=progress)
    if as_json:
        found = {
            "id": file.name,
            "target": location.display,
            "rows": done.rows,
            "tables": done.tables,
            "verified": True,
        }
        say_json(found | {"duration_seconds": round(done.duration_seconds, 3)})
        return
    content = f"{count(done.tables, 'table')}, {count(done.rows, 'row')}"
    say(f"Imported {file}: {content}, {done.duration_seconds:.1f} s")
    say(f"  to {location.display}")
