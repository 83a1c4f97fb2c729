"""One backup: its manifest, its tables compared with the previous backup, its verdicts, and how to restore it."""

import shlex
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, abort, request

from console.rendering import page
from console.trail import events_of_backup
from console.wiring import Wiring, wiring
from shared.catalog.backup import Backup
from shared.catalog.described import document_of
from shared.catalog.listing import Catalog
from shared.errors import LitekeepError, NotGood
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX

blueprint = Blueprint("backup", __name__)
_MOST_TABLES = 500


@blueprint.get("/backup")
def show() -> Response:
    """Shows the backup that `kind`, `database` and `id` name."""
    parts = wiring()
    wanted = tuple(request.args.get(name, "") for name in ("kind", "database", "id"))
    inventory = parts.look().inventory
    found = next((each for each in inventory.backups.values() if _key(each) == wanted), None)
    if found is None:
        abort(404)
    catalog = Catalog(parts.store)
    try:
        document, problem = document_of(catalog, found), None
    except NotGood as error:
        document, problem = found.to_json() | {"manifest": None, "verdicts": []}, str(error)
    previous = _previous(parts, found)
    tables, left_out = _tables(catalog, document, previous)
    command = ["litekeep", "restore", "--backup", found.name.id, "--database", found.name.database]
    document |= {
        "problem": problem,
        "before": None if previous is None else previous.name.id,
        "compared": tables,
        "left_out": left_out,
        "deeds": [each.to_json() for each in events_of_backup(parts.store, found)],
        "command": shlex.join(command),
    }
    return page("backup.html", document)


def _key(backup: Backup) -> tuple[str, ...]:
    return (backup.name.kind.value, backup.name.database, backup.name.id)


def _previous(parts: Wiring, backup: Backup) -> Backup | None:
    """Returns the newest older backup to compare rows with: no point of a continuous chain, no safety backup."""
    older = [
        each
        for each in parts.look().inventory.backups.values()
        if each.name.database == backup.name.database
        and each.created_at < backup.created_at
        and each.damaged is None
        and each.name.kind is not Kind.CONTINUOUS
        and not each.name.id.startswith(SAFETY_PREFIX)
    ]
    return max(older, key=lambda each: each.created_at, default=None)


def _tables(catalog: Catalog, document: dict[str, Any], previous: Backup | None) -> tuple[list[dict[str, Any]], int]:
    """Returns each table with its rows, here and in the previous backup; and how many tables are left out."""
    if document["manifest"] is None:
        return [], 0
    here: dict[str, int] = document["manifest"]["row_counts"]
    there: dict[str, int] | None = None
    if previous is not None:
        with suppress(LitekeepError):
            there = dict(catalog.read_manifest(previous)[0].row_counts)
    rows = [
        _row(name, here.get(name), None if there is None else there.get(name, -1))
        for name in sorted({*here, *(there or {})})
    ]
    rows.sort(key=lambda row: row["change"] in (None, "same"))
    return rows[:_MOST_TABLES], max(0, len(rows) - _MOST_TABLES)


def _row(name: str, here: int | None, there: int | None) -> dict[str, Any]:
    """Returns a row of the table. `there` is None if the previous backup is unknown, and -1 if it had no such table."""
    if there is None:
        change = None
    elif here is None:
        change = "vanished"
    elif there < 0:
        change = "new"
    else:
        change = "same" if here == there else "grew" if here > there else "shrank"
    return {"table": name, "rows": here, "before": None if there is None or there < 0 else there, "change": change}
