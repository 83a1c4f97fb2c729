"""Calls the functions of `inside.py` in the confined process, with limits by the size of the database."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.errors import NotGood
from shared.model.manifest import Integrity, Manifest
from shared.model.names import Format
from shared.operations.verify import allowances
from shared.operations.verify.check import Check, Proof
from shared.operations.verify.expected import expected_by, soundness_of
from shared.runtime.confined import Confined
from shared.runtime.limits import Limits
from shared.runtime.progress import Progress, silent
from shared.sqlite.facts import Soundness

INSIDE = "shared.operations.verify.inside"
_REMAINS = ("", "-journal", "-wal", "-shm")


@dataclass(frozen=True)
class DatabaseSummary:
    """Counts of a database that no manifest describes, and what SQLite's full check found in it."""

    tables: int
    rows: int
    integrity: Soundness


def load(child: Confined, plain: Iterable[bytes], target: Path, journal_mode: str, what: str) -> None:
    """Loads SQL into the new database `target`, and removes it on any exception. Raises what `load_sql` does."""
    allowed = allowances.ALLOWED
    try:
        child.call(
            f"{INSIDE}:load",
            target.absolute(),
            journal_mode,
            asdict(allowed),
            limits=allowed.of(0),
            what=f"loading {what}",
            stream=plain,
        )
    except BaseException:
        remove(target)
        raise


def remove(target: Path) -> None:
    """Removes an incomplete database, its journal and its WAL files."""
    for suffix in _REMAINS:
        target.with_name(target.name + suffix).unlink(missing_ok=True)


def check_quick(child: Confined, target: Path, manifest: Manifest) -> list[Check]:
    """Checks the schema and the rows of each table against the manifest, as every restore does."""
    limits, what = _limits(target), f"reading {manifest.id}"
    answer = child.call(f"{INSIDE}:check_quick", target.absolute(), _expected(manifest), limits=limits, what=what)
    return [Check(**check) for check in answer]


def prove(
    child: Confined,
    target: Path,
    manifest: Manifest,
    form: Format,
    *,
    progress: Progress = silent,
) -> Proof:
    """Runs the full proof of a rebuilt database, see `judge.prove`. Raises NotGood if it cannot be read at all."""
    answer = child.call(
        f"{INSIDE}:prove",
        target.absolute(),
        _expected(manifest),
        form.value,
        limits=_limits(target),
        what=f"checking {manifest.id}",
        progress=progress,
    )
    return Proof([Check(**check) for check in answer["checks"]], _soundness(answer), form)


def summarize(child: Confined, target: Path, what: str) -> DatabaseSummary:
    """Counts tables and rows and runs SQLite's full check. Raises NotGood if the database cannot be read at all."""
    answer = child.call(f"{INSIDE}:summarize", target.absolute(), limits=_limits(target), what=f"checking {what}")
    return DatabaseSummary(answer["tables"], answer["rows"], _soundness(answer))


def take_part(
    child: Confined, whole: Path, part: Path, manifest: Manifest, tables: Iterable[str], *, schema_only: bool
) -> DatabaseSummary:
    """Copies only the schema, or only some tables, into the new database `part`, and checks it.

    Raises UsageError for a table that the backup lacks, and NotGood if the copy is not sound.
    """
    child.call(
        f"{INSIDE}:take_part",
        whole.absolute(),
        part.absolute(),
        _expected(manifest),
        sorted(tables),
        schema_only,
        limits=_limits(whole),
        what=f"taking a part of {manifest.id}",
    )
    summary = summarize(child, part, f"a part of {manifest.id}")
    if not summary.integrity.good:
        raise NotGood(f"the requested part of {manifest.id} is not sound: {summary.integrity.problems[0]}")
    return summary


def _limits(target: Path) -> Limits:
    return allowances.ALLOWED.of(target.stat().st_size)


def _expected(manifest: Manifest) -> dict[str, Any]:
    return asdict(expected_by(manifest))


def _soundness(answer: dict[str, Any]) -> Soundness:
    """Returns what the checks found. The answer is untrusted, so the manifest's class validates it."""
    return soundness_of(Integrity(**answer["integrity"]))
