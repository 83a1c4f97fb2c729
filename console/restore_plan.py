"""Turns the fields of the restore form into a plan, with the checks that the page shows."""

import hashlib
import json
import shlex
from dataclasses import dataclass
from typing import Any

from console.drills import last_drill
from console.wiring import wiring
from shared.catalog.backup import Backup
from shared.catalog.listing import LATEST
from shared.clock import parse_time, rfc3339
from shared.errors import UsageError
from shared.operations.restore.permitted import plan_of
from shared.operations.restore.target import restore_target
from shared.terminal.flags import RestoreFlags
from shared.terminal.parts import catalog_of
from shared.terminal.restore_options import restore_options
from shared.text import count

_MOST_TABLES = 100


@dataclass(frozen=True)
class RestoreForm:
    """The fields of the form. `how` is `beside`, `to` or `in-place`."""

    database: str
    ref: str = ""
    at: str = ""
    how: str = "beside"
    to: str = ""
    verify: bool = False
    schema_only: bool = False
    tables: tuple[str, ...] = ()

    @classmethod
    def read(cls, fields: Any) -> "RestoreForm":
        """Reads the fields of a request. Raises UsageError for values that no form of the console sends."""
        how = fields.get("how", "beside")
        tables = tuple(line.strip() for line in fields.get("tables", "").splitlines() if line.strip())
        if how not in ("beside", "to", "in-place") or len(tables) > _MOST_TABLES:
            raise UsageError(f"how must be beside, to or in-place, and tables at most {_MOST_TABLES}")
        return cls(
            fields.get("database", ""),
            fields.get("ref", "").strip(),
            fields.get("at", "").strip(),
            how,
            fields.get("to", "").strip(),
            fields.get("verify") == "1",
            fields.get("schema_only") == "1",
            tables,
        )

    def fields(self) -> dict[str, str]:
        """Returns the fields that reproduce this form, in a URL or in hidden fields; empty ones are left out."""
        fields = {
            "database": self.database,
            "ref": self.ref,
            "at": self.at,
            "how": self.how,
            "to": self.to,
            "verify": "1" if self.verify else "",
            "schema_only": "1" if self.schema_only else "",
            "tables": "\n".join(self.tables),
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True)
class Planned:
    """`plan` is what a request contains and a restore must match; `about` and `checks` are for people to read."""

    plan: dict[str, Any]
    about: dict[str, Any]
    checks: list[dict[str, Any]]
    command: str

    @property
    def digest(self) -> str:
        """SHA-256 of the plan: the form carries it, so that nobody requests another plan than the one shown."""
        return hashlib.sha256(json.dumps(self.plan, sort_keys=True).encode()).hexdigest()


def plan(wanted: RestoreForm) -> Planned:
    """Plans the restore that the form describes. Raises UsageError, NotPermitted, NotGood, StoreError."""
    settings = wiring().settings
    backup = _backup(wanted)
    flags = RestoreFlags(
        ref=backup.name.manifest,
        to=wanted.to if wanted.how == "to" else None,
        in_place=wanted.how == "in-place",
        prove=wanted.verify,
        schema_only=wanted.schema_only,
        tables=tuple(wanted.tables),
    )
    if wanted.how == "to" and not wanted.to:
        raise UsageError("the name of the new database is empty: enter one, or choose another target")
    options = restore_options(settings, flags, with_key=False)
    manifest, raw = options.catalog.read_manifest(options.backup)
    about = {
        "taken_at": rfc3339(backup.created_at),
        "verified": backup.verified,
        "wrong": backup.wrong,
        "tables": manifest.tables,
        "rows": manifest.rows,
    }
    size = manifest.sqlite.page_count * manifest.sqlite.page_size
    planned = plan_of(options, raw)
    return Planned(planned, about, list(_checks(backup, options.target, size)), _command(planned, backup))


def _backup(wanted: RestoreForm) -> Backup:
    catalog = catalog_of(wiring().settings)
    if wanted.at:
        try:
            return catalog.find(LATEST, wanted.database, parse_time(wanted.at))
        except ValueError:
            raise UsageError("the moment is not a time: write it as 2024-01-15T12:00:00Z") from None
    return catalog.find(wanted.ref or LATEST, wanted.database)


def _checks(backup: Backup, target: Any, size: int) -> Any:
    good = backup.good and backup.verified is True
    proof = "verified" if good else backup.wrong or "not verified yet"
    yield {"name": "backup", "ok": good, "detail": proof}
    yield {"name": "size", "ok": True, "detail": f"{count(size, 'byte')} when restored", "bytes": size}
    free = restore_target(target).free_bytes()
    if free is not None:
        yield {"name": "free space", "ok": free > 2 * size, "detail": count(free, "byte"), "bytes": free}
    else:
        yield {"name": "free space", "ok": None, "detail": "unknown: SQLite Cloud does not report it"}
    look = wiring().look()
    drill = last_drill(wiring().store, look.listing.drills.get(backup.name.database, ()))
    took = None if drill is None else drill.to_json()["recovery_seconds"]
    yield {
        "name": "recovery time",
        "ok": None if took is None else True,
        "detail": "unknown: no drill was held" if took is None else f"{took} s in the last drill",
        "seconds": took,
    }


def _command(planned: dict[str, Any], backup: Backup) -> str:
    target = ["--in-place"] if planned["in_place"] else ["--to", str(planned["target"])]
    return shlex.join(["litekeep", "restore", "--backup", backup.name.id, "--database", backup.name.database, *target])
