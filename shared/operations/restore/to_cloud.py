"""Uploads a rebuilt database to SQLite Cloud, where no database can be renamed, or replaced in one step.

A new database is uploaded under its name, downloaded again and compared; if that fails, it is removed.
If the connection string has a `key`, the node encrypts the database between the upload and the proof.

In place, the order of effects, and what exists if the run ends after each:

    uploaded     the new database, under a temporary name          the old
    proven       downloaded again, and equal                       the old
    backed up    the old, and nobody wrote to it meanwhile         the old
    removed      the old                                           the safety backup, and the new by its temporary name
    uploaded     the new, under the old name                       the same
    proven       downloaded again, and equal                       the new
    cleaned up   the copy under the temporary name                 the new

Until `removed`, every failure leaves the old database unchanged. After it nothing is cleaned up, and the error says
where the restored database and the safety backup are. A write between the safety backup and `removed` is lost, so
that time is kept short; the node offers no lock.

With UPLOAD … REPLACE, which no documentation has, the node does `removed` and the second `uploaded` in one step, and
the old database is unchanged until then. If the answer is lost, the download that follows shows the result.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
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

_SAFETY_TRIES = 3
_NAME_BYTES = 120  # of the database's name, in its temporary name


@dataclass(frozen=True)
class _Image:
    """A rebuilt database as a closed file, and the scratch folder for its download."""

    path: Path
    scratch: Path
    progress: Progress

    def upload(self, target: CloudLocation) -> bool:
        """Uploads it as a new database. Returns False if the answer was lost and the node lists the database."""
        return databases.put(
            target.address, target.database, self.path, lambda done, total: self.progress("upload", done, total)
        )

    def encrypt(self, target: CloudLocation, *, confirmed: bool) -> None:
        """Encrypts the target if it has a key. An unconfirmed upload is proven first: it may be somebody else's."""
        if target.address.key is None:
            return
        if not confirmed:
            self.prove(target)
        databases.encrypt(target.address, target.database)

    def prove(self, target: CloudLocation) -> None:
        """Downloads the target and compares. Raises NotGood."""
        if different := self.difference(target):
            raise NotGood(f"{target.display} reads back differently from what was sent: {different}")

    def difference(self, target: CloudLocation) -> str | None:
        """Downloads the target and returns how it differs, or None."""
        proof = self.scratch / "proof.sqlite"
        proof.unlink(missing_ok=True)
        # The image may be of a damaged database: the proof is that both are equal, not that they are sound.
        snapshot_cloud(target, proof, allow_corrupt=True, watch=lambda done, total: self.progress("prove", done, total))
        try:
            return difference(proof, self.path)
        finally:
            proof.unlink()


def check_target(target: CloudLocation, doing: str, instead: str, *, in_place: bool) -> None:
    """Raises UsageError when a new database would have a taken name, or there is nothing to replace.

    See `RestoreTarget.check`.
    """
    there = databases.on_node(target.address, lambda session: databases.find(session, target.database))
    if there is None and in_place:
        raise UsageError(f"cannot {doing}: the database does not exist; leave out --in-place to create it")
    if there is not None and not in_place:
        raise UsageError(f"cannot {doing}: the database exists; {instead}")


def check_secrecy(target: CloudLocation, *, in_place: bool, of_encrypted: bool) -> None:
    """Raises UsageError if an encrypted database would be restored unencrypted, or `key` does not fit the old one."""
    has_key = target.address.key is not None
    if not in_place:
        if of_encrypted and not has_key:
            raise UsageError(
                f"{target.display} would not be encrypted, but the backed-up database was: add key= to its connection "
                "string; to restore it unencrypted, restore to a file and import that"
            )
        return
    there = databases.on_node(target.address, lambda session: databases.find(session, target.database))
    if of_encrypted and not has_key and (there is None or there.size is None):
        raise UsageError(
            f"--in-place: the backed-up database was encrypted, and it is not known whether {target.display} is: "
            "add key= to its connection string, or let its role LIST DATABASES DETAILED"
        )
    if there is not None and there.encrypted and not has_key:
        raise UsageError(
            f"--in-place: {target.display} is encrypted: add key= with its key to its connection string, so that the "
            "new database is encrypted too"
        )
    if there is not None and not there.encrypted and has_key:
        raise UsageError(
            f"--in-place: {target.display} is not encrypted: leave out key=, or have it encrypted first with ENCRYPT "
            "DATABASE"
        )


def create(target: CloudLocation, image: Path, scratch: Path, progress: Progress) -> None:
    """Creates the database from the closed file `image`, and proves it by a download.

    Raises UsageError when the name is taken, NotGood when the download differs, CloudError for the node. The new
    database is then removed; the error says so if that is not possible.
    """
    sent = _Image(image, scratch, progress)
    note("file", f"{target.display} may exist or still appear, unproven: check, and remove it before you try again")
    try:
        confirmed = sent.upload(target)
    except Undecided as error:
        raise CloudError(
            f"{error}; {target.display} may exist or still appear, unproven: check, and remove it before you try again"
        ) from None
    try:
        sent.encrypt(target, confirmed=confirmed)
        sent.prove(target)
    except BaseException as error:
        # After a lost answer the database there may be one that somebody else made meanwhile.
        left = _removed(target) if confirmed else f"{target.display} may not be ours: look before you remove it"
        note("file", left or f"{target.display} was removed again")
        if isinstance(error, LitekeepError):
            raise _extended(error, left or f"{target.display} was removed again") from None
        raise
    note("file", f"{target.display} is whole")


def replace_database(
    target: CloudLocation,
    image: Path,
    scratch: Path,
    moment: datetime,
    *,
    keep: Callable[[], str],
    before_swap: Callable[[], None] = lambda: None,
    progress: Progress,
    in_one_step: bool = False,
) -> tuple[str, list[str]]:
    """Replaces the database by the closed file `image`. Returns the name of the safety backup, and notes for people.

    `keep` takes the safety backup and returns its name; it is called again when somebody wrote meanwhile.
    `before_swap` is called right before the old database is removed, and raises an error to prevent that.
    `in_one_step` uses UPLOAD … REPLACE. Raises LitekeepError; the module's docstring says what exists then.
    """
    temporary = replace(target, database=_temporary_name(target.database, moment))
    sent = _Image(image, scratch, progress)
    note("file", f"{target.display} is as it was")
    try:
        sent.upload(temporary)
        sent.encrypt(temporary, confirmed=True)
        sent.prove(temporary)
        safety = take_while_quiet(target, keep)
        before_swap()
    except BaseException as error:
        left = _removed(temporary, may_come=isinstance(error, Undecided))
        note("file", f"{target.display} is as it was{left and f', and {left}'}")
        if isinstance(error, LitekeepError):
            raise _extended(error, f"{target.display} is as it was{left and f', and {left}'}") from None
        raise
    _swap(target, temporary, sent, safety, in_one_step=in_one_step)
    note("file", f"{target.display} holds the restored database")
    left = _removed(temporary)
    return safety, [left] if left else []


def _swap(target: CloudLocation, temporary: CloudLocation, sent: _Image, safety: str, *, in_one_step: bool) -> None:
    """Does the steps from `removed` to `proven`. Every error says where the databases are."""
    confirmed = True
    if in_one_step:
        confirmed = _upload_replace(target, temporary, sent, safety)
    else:
        _remove_old(target, temporary, safety)
    try:
        if not in_one_step:
            confirmed = sent.upload(target)
        sent.encrypt(target, confirmed=confirmed)
        different = sent.difference(target)
    except BaseException as error:  # noqa: BLE001 - an interruption here must say where the databases are
        reason = str(error) if isinstance(error, LitekeepError | OSError) else "it was interrupted"
        raise SourceError(f"{reason}; {_locations(target, temporary, safety)}") from None
    if different and in_one_step and not confirmed:
        raise SourceError(
            f"the node did not confirm UPLOAD … REPLACE, and {target.display} is not what was sent ({different}): "
            f"it may be the old still, or somebody wrote to the new one; {_locations(target, temporary, safety)}"
        )
    if different:
        raise SourceError(
            f"{target.display} is in place, and reads back differently from what was sent ({different}): if an "
            f"application has written to it meanwhile all is well, else {_locations(target, temporary, safety)}"
        )


def take_while_quiet(target: CloudLocation, keep: Callable[[], str]) -> str:
    """Takes the safety backup, again if somebody wrote to the database meanwhile. Raises SourceError after 3 tries."""
    for _ in range(_SAFETY_TRIES):
        before = _writes(target)
        safety = keep()
        if _writes(target) == before:
            return safety
    raise SourceError(
        f"{target.display} was written to during each of {_SAFETY_TRIES} safety backups, and such writes would be "
        "lost: stop the application"
    )


def _writes(target: CloudLocation) -> int | None:
    found = databases.on_node(target.address, lambda session: databases.find(session, target.database))
    if found is None:
        raise SourceError(f"{target.display} is gone: someone else removed it")
    return found.writes


def _upload_replace(target: CloudLocation, temporary: CloudLocation, image: _Image, safety: str) -> bool:
    """Sends UPLOAD … REPLACE. Returns False if the answer was lost: the proof that follows shows the result."""
    sent = False

    def watch(done: int, total: int) -> None:
        nonlocal sent
        sent = done >= total
        image.progress("upload", done, total)

    try:
        return databases.replace(target.address, target.database, image.path, watch)
    except BaseException as error:
        if sent:
            reason = str(error) if isinstance(error, LitekeepError | OSError) else "it was interrupted"
            raise SourceError(f"{reason}; {_locations(target, temporary, safety)}") from None
        left = _removed(temporary)
        if isinstance(error, LitekeepError):
            raise _extended(error, f"{target.display} is as it was{left and f', and {left}'}") from None
        raise


def _remove_old(target: CloudLocation, temporary: CloudLocation, safety: str) -> None:
    try:
        databases.remove(target.address, target.database)
    except BaseException as error:  # noqa: BLE001 - an interruption here must say where the databases are
        reason = str(error) if isinstance(error, LitekeepError) else "it was interrupted"
        there = False
        with suppress(LitekeepError):
            there = databases.exists(target.address, target.database)
        if not there:
            raise SourceError(f"{reason}; {_locations(target, temporary, safety)}") from None
        left = _removed(temporary)
        raise SourceError(f"{reason}; {target.display} is as it was{left and f', and {left}'}") from None


def _removed(target: CloudLocation, *, may_come: bool = False) -> str:
    """Removes a database that this run made, if it exists. Returns what people must still do, or an empty text."""
    try:
        if databases.exists(target.address, target.database):
            databases.remove(target.address, target.database)
        elif may_come:
            return f"{target.display} may still appear: remove it by hand"
    except LitekeepError:
        return f"{target.display} may still be there: remove it by hand"
    return ""


def _locations(target: CloudLocation, temporary: CloudLocation, safety: str) -> str:
    """Says where the restored and the old database are."""
    return (
        f"{target.display} is missing, unproven, or still the old one; the restored database is whole, under the name "
        f"{temporary.database} beside it, and what was there before is the backup {safety}: if {target.display} is "
        "missing, run litekeep restore --backup REF --to it"
    )


def _temporary_name(name: str, moment: datetime) -> str:
    kept = name.encode()[:_NAME_BYTES].decode(errors="ignore").rstrip()
    return f"{kept}.restoring-{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def _extended(error: LitekeepError, more: str) -> LitekeepError:
    """Appends to the error's message."""
    error.args = (f"{error}; {more}", *error.args[1:])
    return error
