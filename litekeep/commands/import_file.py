"""`litekeep import`"""

from pathlib import Path

import click

from shared.clock import utc_now
from shared.errors import UsageError
from shared.operations import transfer
from shared.runtime.progress import Progress
from shared.runtime.so_far import note
from shared.runtime.workspace import scratch_folder
from shared.settings import read_settings
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation
from shared.terminal.audit import audited
from shared.terminal.options import common
from shared.terminal.parts import event_log, location_of
from shared.terminal.screen import progress_bars, say, say_json


@click.command(name="import")
@click.option("--file", "file", required=True, metavar="F", type=click.Path(path_type=Path), help="What to load.")
@click.option("--to", metavar="URL", help="The new database. [F's name with .db, beside it]")
@common
def import_file(as_json: bool, file: Path, to: str | None) -> None:
    """Make a new database of a .sql, .sql.gz, .sqlite or .sqlite.zst file.

    Dumps of Litekeep and of the stock sqlite3 shell load. They run under guard: a dump can
    create and fill tables, and can not reach any other file.

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
    started = utc_now()
    with (
        audited(log, settings, "import", location.display, database=location.database, reason=f"of {file}"),
        progress_bars(wanted=not as_json) as progress,
    ):
        if isinstance(location, FileLocation):
            done = transfer.import_file(file, location.path, progress=progress)
            tables, rows = done.tables, done.rows
        else:
            tables, rows = _to_cloud(file, location, progress)
    seconds = (utc_now() - started).total_seconds()
    if as_json:
        found = {"id": file.name, "target": location.display, "rows": rows, "tables": tables, "verified": True}
        say_json(found | {"duration_seconds": round(seconds, 3)})
        return
    say(f"Imported {file}: {tables} tables, {rows} rows, {seconds:.1f} s")
    say(f"  to {location.display}")


def _to_cloud(file: Path, target: CloudLocation, progress: Progress) -> tuple[int, int]:
    """As a restore to a new database there: loaded here, uploaded, downloaded again and compared."""
    from shared.operations.restore.to_cloud import check_target, create

    check_target(target, in_place=False)
    note("file", f"{target.display} was not made")
    with scratch_folder() as scratch:
        made = scratch / "import.sqlite"
        tables, rows = transfer.load_file(file, made, progress=progress)
        create(target, made, scratch, progress)
    return tables, rows
