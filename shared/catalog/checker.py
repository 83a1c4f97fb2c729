"""Looking at the seals of backups and verdicts with the key, where it is at hand.

A listing is not enough for what others build on: `latest-verified`, cleanup, `status`, the monitor, "not read again".
For the few backups that decide there, the manifest is checked against its seal and then each verdict against its own,
newest first, until one counts. Without the key (no key file, no right to decrypt, Cloud KMS out of reach) all stays as
the listing has it: "not checked here".
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

_MOST_OF_A_DATABASE = 50  # that are looked at until one of each kind holds


@dataclass(frozen=True)
class Known:
    """What was read of a backup: its manifest, whose seal was not looked at by that, and the bytes of it."""

    manifest: Manifest
    raw: bytes


class Checker:
    """Opens the key when it is first needed. `why_not` says why it is not at hand; None while it may be."""

    def __init__(self, open_key: OpenKey | None) -> None:
        self._open_key = open_key
        self._key: WrappingKey | None = None
        self._is_open = False
        self.why_not = "no key was given" if open_key is None else None
        self._known: dict[BackupName, Known] = {}

    @property
    def key(self) -> WrappingKey | None:
        """The key, or None for backups that are not encrypted. Raises LitekeepError when it is not at hand."""
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
        """The same for what takes no right to decrypt. Raises LitekeepError when it cannot be opened at all."""
        return self._key if self._is_open else self.key

    def __call__(self, catalog: Catalog, backup: Backup) -> Backup:
        """The backup as it turns out to be; as it was where the key is not at hand.

        Raises StoreError when the store cannot be read.
        """
        if backup.checked or backup.damaged:
            return backup
        try:
            opened = self._open(catalog, backup)
            held = self._of_its_manifest(catalog, backup) if opened is None else weigh_verdicts(catalog, backup, opened)
            return replace(held, checked=opened is not None)
        except NotGood as error:
            return replace(backup, damaged=str(error), verified=None, verdict=None, trust=None)
        except ObjectMissing:
            return replace(backup, missing="it was removed meanwhile")
        except (OtherKey, KeyVersionGone) as error:
            return replace(backup, unopened=str(error))
        except KeyProblem as error:  # then it opens none of the others
            self.why_not = str(error)
            return backup

    def settle(self, catalog: Catalog, newest_first: Sequence[Backup]) -> list[Backup]:
        """The backups of one database with those looked at that decide: the newest good one of each kind, and the
        newest that is verified. What is dated in the future decides nothing.
        """
        settled: dict[BackupName, Backup] = {}
        waiting: set[Kind | None] = {*Kind, None}  # None stands for the newest that is verified
        for backup in newest_first:
            if backup.future or backup.damaged or backup.missing:
                continue
            says_good = backup.verified is True and backup.good
            asks = backup.name.kind in waiting or (None in waiting and (says_good or bool(backup.verdicts)))
            if not asks:
                continue
            if len(settled) >= _MOST_OF_A_DATABASE:
                found = replace(backup, unopened=f"not looked at, as {_MOST_OF_A_DATABASE} that are newer do not hold")
            else:
                found = self(catalog, backup)
            settled[backup.name] = found
            if found.good and found.unopened is None:
                waiting.discard(found.name.kind)
                if found.verified:
                    waiting.discard(None)
        return [settled.get(backup.name, backup) for backup in newest_first]

    def read(self, catalog: Catalog, backup: Backup) -> Known:
        """Its manifest, read once. Raises NotGood, ObjectMissing or StoreError."""
        if backup.name not in self._known:
            self._known[backup.name] = Known(*catalog.read_manifest(backup))
        return self._known[backup.name]

    def forget(self) -> None:
        """Lets go of the manifests that were read: of a thousand databases they are too many to keep."""
        self._known.clear()

    def _open(self, catalog: Catalog, backup: Backup) -> Opened | None:
        """Returns the manifest once its seal is checked; None without the key."""
        try:
            key = self.key
        except LitekeepError:
            self._hold_to_name(catalog, backup)
            return None
        known = self.read(catalog, backup)
        return open_read(catalog.store, backup, known.manifest, known.raw, key)

    def _of_its_manifest(self, catalog: Catalog, backup: Backup) -> Backup:
        """Without the key a signed verdict can still be checked against the stored manifest: it holds its SHA-256."""
        if not is_signature_needed() or not backup.verified or backup.verdict is None:
            return backup
        said = read_verdict(read_object(catalog.store, backup.verdict)) or {}
        if said.get("manifest_sha256") == sha256(self.read(catalog, backup).raw).hexdigest():
            return backup
        return with_verdict(backup, backup.verdict, Weighed(None, doubt="it is of another manifest"))

    def _hold_to_name(self, catalog: Catalog, backup: Backup) -> None:
        """Who may not decrypt can still tell another key by its name. Raises OtherKey for one."""
        if not self._is_open or self._key is None or backup.rewrappings:
            return
        encryption = self.read(catalog, backup).manifest.encryption
        if encryption is not None:
            check_same_key(encryption, self._key, backup.name)


def weigh_verdicts(catalog: Catalog, backup: Backup, opened: Opened) -> Backup:
    """The backup with its newest verdict that counts; of those that do not, why the newest does not.

    `opened` is its manifest, whose seal holds. Raises StoreError when a verdict cannot be read.
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
        said = read_verdict(raw)
        yield verdict, weigh(said, backup.name, time_of(verdict), opened.verdict_seal, opened=opened, raw=raw)
