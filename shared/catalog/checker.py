"""Checks the seals of manifests and verdicts if the key is available.

A listing alone is not proof enough for `latest-verified`, cleanup, `status`, the monitor and skipped verifications.
For the few backups that decide the result there, the manifest is checked against its seal, and then the verdicts
against theirs, newest first, until one is valid. If the key is not available (no key file, no right to decrypt, Cloud
KMS out of reach) the backup stays as listed, with its verdict "not checked here".
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from shared.archive.wrapped_by import check_same_key
from shared.catalog.backup import Backup, with_verdict
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_read
from shared.catalog.opinions import MOST, time_of
from shared.catalog.reading import read_object
from shared.catalog.signed import is_signature_needed
from shared.catalog.verdicts import Opened, Weighed, read_verdict, weigh
from shared.errors import KeyProblem, KeyVersionGone, LitekeepError, NotGood, ObjectMissing, OtherKey
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.manifest import Manifest
from shared.stores import StoredObject

if TYPE_CHECKING:
    from shared.model.names import BackupName

OpenKey = Callable[[], WrappingKey | None]

_MOST_OF_A_DATABASE = 50  # backups of a database that `settle` checks


@dataclass(frozen=True)
class Known:
    """The manifest of a backup as read, with its raw bytes. Its seal has not been checked."""

    manifest: Manifest
    raw: bytes


class Checker:
    """Checks backups with a key that is opened on first use.

    `why_not` is the reason why the key is not available; None as long as it may be.
    """

    def __init__(self, open_key: OpenKey | None) -> None:
        self._open_key = open_key
        self._key: WrappingKey | None = None
        self._is_open = False
        self.why_not = "no key was given" if open_key is None else None
        self._known: dict[BackupName, Known] = {}

    @property
    def key(self) -> WrappingKey | None:
        """The key, or None for backups that are not encrypted. Raises LitekeepError when it is not available."""
        if self._open_key is None or self.why_not is not None:
            raise KeyProblem(self.why_not or "no key was given")
        if not self._is_open:
            try:
                self._key = self._open_key()
            except LitekeepError as error:
                self.why_not = str(error)
                raise
            self._is_open = True
        return self._key

    @property
    def opened_key(self) -> WrappingKey | None:
        """The key for uses that need no right to decrypt, so it is returned even after `why_not` was set.

        Raises LitekeepError when the key cannot be opened.
        """
        return self._key if self._is_open else self.key

    def __call__(self, catalog: Catalog, backup: Backup) -> Backup:
        """Returns the backup with the results of the checks; unchanged if the key is not available.

        Raises StoreError when the store cannot be read.
        """
        if backup.checked or backup.damaged:
            return backup
        try:
            opened = self._open(catalog, backup)
            found = (
                self._check_signed_hash(catalog, backup) if opened is None else weigh_verdicts(catalog, backup, opened)
            )
            return replace(found, checked=opened is not None)
        except NotGood as error:
            return replace(backup, damaged=str(error), verified=None, verdict=None, trust=None)
        except ObjectMissing:
            return replace(backup, missing="it was removed meanwhile")
        except (OtherKey, KeyVersionGone) as error:
            return replace(backup, unopened=str(error))
        except KeyProblem as error:  # the key cannot open any other backup either
            self.why_not = str(error)
            return backup

    def settle(self, catalog: Catalog, newest_first: Sequence[Backup]) -> list[Backup]:
        """Returns the backups of one database after checking those that decide: the newest good one of each kind and
        the newest verified one. Backups dated in the future are not checked.
        """
        settled: dict[BackupName, Backup] = {}
        waiting: set[Kind | None] = {*Kind, None}  # None: the newest verified one
        for backup in newest_first:
            if backup.future or backup.damaged or backup.missing:
                continue
            is_listed_good = backup.verified is True and backup.good
            decides = backup.name.kind in waiting or (None in waiting and (is_listed_good or bool(backup.verdicts)))
            if not decides:
                continue
            if len(settled) >= _MOST_OF_A_DATABASE:
                found = replace(backup, unopened=f"not checked: {_MOST_OF_A_DATABASE} newer ones were checked first")
            else:
                found = self(catalog, backup)
            settled[backup.name] = found
            if found.good and found.unopened is None:
                waiting.discard(found.name.kind)
                if found.verified:
                    waiting.discard(None)
        return [settled.get(backup.name, backup) for backup in newest_first]

    def read(self, catalog: Catalog, backup: Backup) -> Known:
        """Returns the backup's manifest, which is read once. Raises NotGood, ObjectMissing or StoreError."""
        if backup.name not in self._known:
            self._known[backup.name] = Known(*catalog.read_manifest(backup))
        return self._known[backup.name]

    def forget(self) -> None:
        """Drops the cached manifests: those of a thousand databases would take too much memory."""
        self._known.clear()

    def _open(self, catalog: Catalog, backup: Backup) -> Opened | None:
        """Returns the manifest after checking its seal; None if the key is not available."""
        try:
            key = self.key
        except LitekeepError:
            self._check_key_name(catalog, backup)
            return None
        known = self.read(catalog, backup)
        return open_read(catalog.store, backup, known.manifest, known.raw, key)

    def _check_signed_hash(self, catalog: Catalog, backup: Backup) -> Backup:
        """Compares the SHA-256 in a signed verdict with the stored manifest, which takes no key."""
        if not is_signature_needed() or not backup.verified or backup.verdict is None:
            return backup
        document = read_verdict(read_object(catalog.store, backup.verdict)) or {}
        if document.get("manifest_sha256") == sha256(self.read(catalog, backup).raw).hexdigest():
            return backup
        return with_verdict(backup, backup.verdict, Weighed(None, doubt="it is of another manifest"))

    def _check_key_name(self, catalog: Catalog, backup: Backup) -> None:
        """Compares the key's name with the one in the manifest, which takes no right to decrypt. Raises OtherKey."""
        if not self._is_open or self._key is None or backup.rewrappings:
            return
        encryption = self.read(catalog, backup).manifest.encryption
        if encryption is not None:
            check_same_key(encryption, self._key, backup.name)


def weigh_verdicts(catalog: Catalog, backup: Backup, opened: Opened) -> Backup:
    """Returns the backup with its newest valid verdict, and in `doubt` why a newer one is ignored.

    `opened` is the manifest after its seal was checked. Raises StoreError when a verdict cannot be read.
    """
    doubt: str | None = None
    for verdict, weighed in _each(catalog, backup, opened):
        if weighed.ok is not None:
            return with_verdict(backup, verdict, replace(weighed, doubt=doubt))
        doubt = doubt or weighed.doubt
    if doubt is None and backup.verdict is None:
        return backup
    verdict = backup.verdicts[0] if backup.verdicts else backup.manifest
    return with_verdict(backup, verdict, Weighed(None, doubt=doubt))


def _each(catalog: Catalog, backup: Backup, opened: Opened) -> Iterator[tuple[StoredObject, Weighed]]:
    for verdict in backup.verdicts[:MOST]:
        try:
            raw = read_object(catalog.store, verdict)
        except NotGood:
            raw = b""
        except ObjectMissing:
            continue
        document = read_verdict(raw)
        yield verdict, weigh(document, backup.name, time_of(verdict), opened.verdict_seal, opened=opened, raw=raw)
