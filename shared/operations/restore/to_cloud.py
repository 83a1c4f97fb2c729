"""Bringing a rebuilt database to SQLite Cloud, where nothing can be renamed and nothing replaced in one step.

As a new database it is uploaded under its name, downloaded again and compared; when that fails it is removed.
Where the connection string has a `key`, the node encrypts the database between the upload and the proof.

In place, the order of effects, and what there is if everything ends after it:

    uploaded     under a name of its own                              the old
    proven       downloaded again, and the same                       the old
    kept         a safety backup of the old, which nobody has         the old
                 written to since it was begun
    removed      the old                                              the safety backup, and the new by its own name
    uploaded     the new, under the old name                          the same
    proven       downloaded again, and the same                       the new
    cleaned up   the copy under its own name                          the new

Until `removed` the old is as it was, whatever fails. After that nothing is cleaned up, and the error says what is
where. Whoever writes to the database between the safety backup and `removed` loses that, so it is kept short;
the node offers no lock.

By UPLOAD … REPLACE, which no documentation has, `removed` and the second `uploaded` are one step of the node's, and the
old is as it was until that. When its answer is lost, the download that follows tells.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from shared.errors import LitekeepError, NotGood, SourceError, UsageError
from shared.operations.restore.same import difference
from shared.runtime.progress import Progress
from shared.runtime.so_far import note
from shared.sqlitecloud import databases
from shared.sqlitecloud.failures import CloudError
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.session import Undecided
from shared.sqlitecloud.snapshot import snapshot_cloud

_TRIES_FOR_A_QUIET_MOMENT = 3
_KEPT_OF_NAME = 120


def check_target(target: CloudLocation, *, in_place: bool) -> None:
    """Raises UsageError when a new name is taken, or when there is nothing to replace."""
    there = databases.on_node(target.address, lambda session: databases.find(session, target.database))
    if there is None and in_place:
        raise UsageError(f"--in-place: {target.display} is not there; leave out --in-place to make it anew")
    if there is not None and not in_place:
        raise UsageError(f"{target.display} is there already: choose another name, or --in-place to replace it")


def check_secrecy(target: CloudLocation, *, in_place: bool, of_encrypted: bool) -> None:
    """Raises UsageError when what is or was encrypted on a node would come back in clear, or what is not, encrypted."""
    has_key = target.address.key is not None
    if not in_place:
        if of_encrypted and not has_key:
            raise UsageError(
                f"{target.display} would not be encrypted, and the database that the backup was taken of was: add key= "
                "to its connection string; to have it in clear, restore to a file and import that"
            )
        return
    there = databases.on_node(target.address, lambda session: databases.find(session, target.database))
    if of_encrypted and not has_key and (there is None or there.size is None):
        raise UsageError(
            f"--in-place: the backup was taken of an encrypted database, and whether {target.display} is one cannot be "
            "told: add key= to its connection string, or let its role LIST DATABASES DETAILED"
        )
    if there is not None and there.encrypted and not has_key:
        raise UsageError(
            f"--in-place: {target.display} is encrypted: add key= with its key to its connection string, so that what "
            "replaces it is too"
        )
    if there is not None and not there.encrypted and has_key:
        raise UsageError(
            f"--in-place: {target.display} is not encrypted: leave out key=, or have it encrypted first with ENCRYPT "
            "DATABASE"
        )


def create(target: CloudLocation, image: Path, scratch: Path, progress: Progress) -> None:
    """Makes the new database of the closed file `image`, proven by a download.

    Raises UsageError when the name is taken, NotGood when what came back differs, CloudError for the node. What was
    made is removed again then; where that is not possible, the error says so.
    """
    note("file", f"{target.display} may be there or come yet, unproven: look, and remove it before another try")
    try:
        sure = _put(target, image, progress)
    except Undecided as error:
        raise CloudError(
            f"{error}; {target.display} may be there or come yet, unproven: look, and remove it before another try"
        ) from None
    try:
        _encrypt(target, image, scratch, progress, sure=sure)
        _prove(target, image, scratch, progress)
    except BaseException as error:
        # What was found there after a lost answer may have been made by someone else meanwhile.
        left = _removed(target) if sure else f"{target.display} may not be ours: look before you remove it"
        note("file", left or f"{target.display} was removed again")
        if isinstance(error, LitekeepError):
            raise _with(error, left or f"{target.display} was removed again") from None
        raise
    note("file", f"{target.display} is whole")


def _nothing() -> None:
    """For whoever needs nobody's leave."""


def replace_database(
    target: CloudLocation,
    image: Path,
    scratch: Path,
    moment: datetime,
    *,
    keep: Callable[[], str],
    may_swap: Callable[[], None] = _nothing,
    progress: Progress,
    in_one_step: bool = False,
) -> tuple[str, list[str]]:
    """Puts the closed file `image` in place of the database; `keep` takes a safety backup and returns its name,
    and is called again when somebody wrote meanwhile. `may_swap` raises when the last moment comes and it must not be.
    `in_one_step` is by UPLOAD … REPLACE.

    Returns that name, and notes for whoever asked. Raises LitekeepError; see above for what is where then.
    """
    own = replace(target, database=_own_name(target.database, moment))
    note("file", f"{target.display} is as it was")
    try:
        _put(own, image, progress)
        _encrypt(own, image, scratch, progress, sure=True)
        _prove(own, image, scratch, progress)
        safety = keep_quiet(target, keep)
        may_swap()
    except BaseException as error:
        left = _removed(own, may_come=isinstance(error, Undecided))
        note("file", f"{target.display} is as it was{left and f', and {left}'}")
        if isinstance(error, LitekeepError):
            raise _with(error, f"{target.display} is as it was{left and f', and {left}'}") from None
        raise
    _swap(target, own, image, scratch, safety, progress, in_one_step=in_one_step)
    note("file", f"{target.display} holds the restored database")
    left = _removed(own)
    return safety, [left] if left else []


def _swap(
    target: CloudLocation,
    own: CloudLocation,
    image: Path,
    scratch: Path,
    safety: str,
    progress: Progress,
    *,
    in_one_step: bool,
) -> None:
    """From `removed` to `proven`. Every error says what is where."""
    sure = True
    if in_one_step:
        sure = _put_over(target, own, image, safety, progress)
    else:
        _remove_old(target, own, safety)
    try:
        if not in_one_step:
            sure = _put(target, image, progress)
        _encrypt(target, image, scratch, progress, sure=sure)
        different = _differs(target, image, scratch, progress)
    except BaseException as error:  # noqa: BLE001 - whoever interrupts us here has to be told what is where
        reason = str(error) if isinstance(error, LitekeepError | OSError) else "it was interrupted"
        raise SourceError(f"{reason}; {_where(target, own, safety)}") from None
    if different and in_one_step and not sure:
        raise SourceError(
            f"the node did not confirm UPLOAD … REPLACE, and {target.display} is not what was sent ({different}): "
            f"it may be the old still, or somebody has written to the new; {_where(target, own, safety)}"
        )
    if different:
        raise SourceError(
            f"{target.display} is in place, and reads back differently from what was sent ({different}): if an "
            f"application has written to it meanwhile all is well, else {_where(target, own, safety)}"
        )


def keep_quiet(target: CloudLocation, keep: Callable[[], str]) -> str:
    """Takes the safety backup; again when somebody wrote to the database meanwhile."""
    for _ in range(_TRIES_FOR_A_QUIET_MOMENT):
        before = _writes(target)
        safety = keep()
        if _writes(target) == before:
            return safety
    raise SourceError(
        f"{target.display} was written to during each of {_TRIES_FOR_A_QUIET_MOMENT} safety backups, and what is "
        "written now would be lost: stop the application"
    )


def _writes(target: CloudLocation) -> int | None:
    found = databases.on_node(target.address, lambda session: databases.find(session, target.database))
    if found is None:
        raise SourceError(f"{target.display} is gone: someone else has removed it")
    return found.writes


def _put_over(target: CloudLocation, own: CloudLocation, image: Path, safety: str, progress: Progress) -> bool:
    """By UPLOAD … REPLACE. False where its answer was lost: the proof that follows tells what is there."""
    sent = False

    def watch(done: int, total: int) -> None:
        nonlocal sent
        sent = done >= total
        progress("upload", done, total)

    try:
        return databases.replace(target.address, target.database, image, watch)
    except BaseException as error:
        if sent:
            reason = str(error) if isinstance(error, LitekeepError | OSError) else "it was interrupted"
            raise SourceError(f"{reason}; {_where(target, own, safety)}") from None
        left = _removed(own)
        if isinstance(error, LitekeepError):
            raise _with(error, f"{target.display} is as it was{left and f', and {left}'}") from None
        raise


def _remove_old(target: CloudLocation, own: CloudLocation, safety: str) -> None:
    try:
        databases.remove(target.address, target.database)
    except BaseException as error:  # noqa: BLE001 - as above
        reason = str(error) if isinstance(error, LitekeepError) else "it was interrupted"
        there = False
        with suppress(LitekeepError):
            there = databases.exists(target.address, target.database)
        if not there:
            raise SourceError(f"{reason}; {_where(target, own, safety)}") from None
        left = _removed(own)
        raise SourceError(f"{reason}; {target.display} is as it was{left and f', and {left}'}") from None


def _put(target: CloudLocation, image: Path, progress: Progress) -> bool:
    return databases.put(target.address, target.database, image, lambda done, total: progress("upload", done, total))


def _encrypt(target: CloudLocation, image: Path, scratch: Path, progress: Progress, *, sure: bool) -> None:
    """Where there is a key; what may be somebody else's is left alone."""
    if target.address.key is None:
        return
    if not sure:
        _prove(target, image, scratch, progress)
    databases.encrypt(target.address, target.database)


def _prove(target: CloudLocation, image: Path, scratch: Path, progress: Progress) -> None:
    if different := _differs(target, image, scratch, progress):
        raise NotGood(f"{target.display} reads back differently from what was sent: {different}")


def _differs(target: CloudLocation, image: Path, scratch: Path, progress: Progress) -> str | None:
    proof = scratch / "proof.sqlite"
    proof.unlink(missing_ok=True)
    # Held to the image, which may be of a damaged database: its own state is not the question.
    snapshot_cloud(target, proof, allow_corrupt=True, watch=lambda done, total: progress("prove", done, total))
    try:
        return difference(proof, image)
    finally:
        proof.unlink()


def _removed(target: CloudLocation, *, may_come: bool = False) -> str:
    """Removes what is ours, if it is there; returns what has to be said when that did not work."""
    try:
        if databases.exists(target.address, target.database):
            databases.remove(target.address, target.database)
        elif may_come:
            return f"{target.display} may come yet: remove it by hand"
    except LitekeepError:
        return f"{target.display} may still be there: remove it by hand"
    return ""


def _where(target: CloudLocation, own: CloudLocation, safety: str) -> str:
    return (
        f"{target.display} is gone, not proven, or still the old; the restored database is whole, under the name "
        f"{own.database} beside it, and what was there before is the backup {safety}: when nothing is under the old "
        "name any more, run litekeep restore --backup REF --to that name"
    )


def _own_name(name: str, moment: datetime) -> str:
    kept = name.encode()[:_KEPT_OF_NAME].decode(errors="ignore").rstrip()
    return f"{kept}.restoring-{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def _with(error: LitekeepError, more: str) -> LitekeepError:
    """The same error, saying more."""
    error.args = (f"{error}; {more}", *error.args[1:])
    return error
