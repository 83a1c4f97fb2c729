"""Asking the confined process: the same words as `inside.py` has, on this side of the pipe."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.errors import NotGood
from shared.model.manifest import Integrity, Manifest
from shared.model.names import Format
from shared.operations.verify import allowances
from shared.operations.verify.check import Check, Proof
from shared.runtime.confined import Confined
from shared.runtime.limits import Limits
from shared.runtime.progress import Progress, silent

INSIDE = "shared.operations.verify.inside"
_REMAINS = ("", "-journal", "-wal", "-shm")


@dataclass(frozen=True)
class Looked:
    """What is known of a database without a manifest."""

    tables: int
    rows: int
    integrity: Integrity


def load(child: Confined, plain: Iterable[bytes], target: Path, journal_mode: str, what: str) -> None:
    """Makes the new database `target` of SQL; nothing is left there on any exception. Raises what `load_sql` does."""
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
    """A database that is not whole, and what SQLite may have left beside it."""
    for suffix in _REMAINS:
        target.with_name(target.name + suffix).unlink(missing_ok=True)


def hold(child: Confined, target: Path, manifest: Manifest) -> list[Check]:
    """The quick rungs that every restore climbs: the schema, and the rows of each table."""
    limits, what = _of(target), f"reading {manifest.id}"
    answer = child.call(f"{INSIDE}:hold", target.absolute(), _text(manifest), limits=limits, what=what)
    return [Check(**check) for check in answer]


def prove(
    child: Confined,
    target: Path,
    manifest: Manifest,
    form: Format,
    *,
    progress: Progress = silent,
) -> Proof:
    """The whole ladder above the archive, as in `judge.prove`. Raises NotGood when it cannot be read at all."""
    answer = child.call(
        f"{INSIDE}:prove",
        target.absolute(),
        _text(manifest),
        form.value,
        limits=_of(target),
        what=f"checking {manifest.id}",
        progress=progress,
    )
    return Proof([Check(**check) for check in answer["checks"]], Integrity(**answer["integrity"]), form)


def look(child: Confined, target: Path, what: str) -> Looked:
    """Counts, and SQLite's full check. Raises NotGood when it cannot be read at all."""
    answer = child.call(f"{INSIDE}:look", target.absolute(), limits=_of(target), what=f"checking {what}")
    return Looked(answer["tables"], answer["rows"], Integrity(**answer["integrity"]))


def take_part(
    child: Confined, whole: Path, part: Path, manifest: Manifest, tables: Iterable[str], *, schema_only: bool
) -> Looked:
    """Only the schema, or only some tables, as a new and sound database. Raises UsageError for one that it lacks."""
    child.call(
        f"{INSIDE}:take_part",
        whole.absolute(),
        part.absolute(),
        _text(manifest),
        sorted(tables),
        schema_only,
        limits=_of(whole),
        what=f"taking a part of {manifest.id}",
    )
    looked = look(child, part, f"a part of {manifest.id}")
    if not looked.integrity.good:
        raise NotGood(f"the part of {manifest.id} that was asked for is not sound: {looked.integrity.problems[0]}")
    return looked


def _of(target: Path) -> Limits:
    return allowances.ALLOWED.of(target.stat().st_size)


def _text(manifest: Manifest) -> str:
    return manifest.model_dump_json()
