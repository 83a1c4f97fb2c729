"""Verification on arrival: a service that verifies each backup minutes after it was written.

Storage events start it. They arrive at least once, in any order, and for every object of the bucket. Only the manifest
of a backup without a verdict is verified; other events are ignored. An error of the store or the key says nothing about
the backup: the service then answers 503, so that the event is delivered again.
Source: CloudEvents 1.0, and the event type google.cloud.storage.object.v1.finalized.
"""

import tempfile
from pathlib import Path

import functions_framework
from cloudevents.http import CloudEvent
from werkzeug.exceptions import ServiceUnavailable

from jobs.verify.verdict_events import emit_verdict, event_fields
from shared.catalog.backup import Backup
from shared.catalog.grouping import named
from shared.catalog.listing import Catalog
from shared.errors import LitekeepError, NotGood, StoreError
from shared.events.log import Event, EventLog
from shared.model import names
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.verify.ladder import verify_backup
from shared.runtime.disk import has_room
from shared.settings import Settings, read_settings
from shared.stores import Store, open_store
from shared.terminal.endings import reported
from shared.terminal.parts import event_log, key_of

_FINALIZED = "google.cloud.storage.object.v1.finalized"


@functions_framework.cloud_event
def arrived(event: CloudEvent) -> None:
    """Verifies the backup whose manifest has arrived. Answers 503 if it could not be verified."""
    settings = read_settings()
    name = backup_in(event, settings.backup_store)
    if name is None:
        return
    try:
        store = open_store(settings.backup_store)
        backup = _without_verdict(store, name)
        if backup is not None:
            _prove(Catalog(store), backup, settings, event_log(settings, result_on_stdout=False))
    except LitekeepError as error:
        raise ServiceUnavailable(str(error)) from None


def backup_in(event: CloudEvent, store_url: str) -> BackupName | None:
    """Returns the backup whose manifest the event announces; None for any other event, even a malformed one."""
    data = event.get_data()
    if event.get_attributes().get("type") != _FINALIZED or not isinstance(data, dict):
        return None
    bucket, _, prefix = store_url.removeprefix("gs://").partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    name = data.get("name")
    if data.get("bucket") != bucket or not isinstance(name, str) or not name.startswith(prefix):
        return None
    found = names.parse(name.removeprefix(prefix))
    if found is None or found.role != "manifest" or found.backup.kind is Kind.CONTINUOUS:
        return None  # the newest point is verified every hour, with its whole chain
    return found.backup


def _without_verdict(store: Store, name: BackupName) -> Backup | None:
    """Returns the backup as stored; None if it is gone or has a verdict already."""
    found = Catalog(store).assemble(named(store.list_objects(f"{name.prefix}.")))
    backup = next((backup for backup in found if backup.name == name), None)
    return backup if backup is not None and backup.verdict is None else None


def _prove(catalog: Catalog, backup: Backup, settings: Settings, log: EventLog) -> None:
    name = backup.name
    fields = event_fields(name)
    with reported(lambda why: log.emit(Event.VERIFY_FAILED, f"{name.id} could not be verified: {why}", fields)):
        if not _fits(catalog, backup):
            why = "too large for this service: the scheduled verification will do it"
            log.emit(Event.VERIFY_SKIPPED, f"{name.id} was not verified, {why}", fields | {"reason": "too large"})
            return
        found = verify_backup(catalog, backup, key_of(settings))
        if found.unrecorded:
            raise StoreError(f"the verdict could not be stored: {found.unrecorded}")
    emit_verdict(log, name, found)


def _fits(catalog: Catalog, backup: Backup) -> bool:
    """Returns whether the disk has room for each stored artifact and the database restored from it.

    True for an unreadable manifest: the verification will report it.
    """
    try:
        manifest, _ = catalog.read_manifest(backup)
    except NotGood:
        return True
    database = manifest.sqlite.page_size * manifest.sqlite.page_count
    needed = sum(artifact.size_bytes + max(database, artifact.plain_size_bytes) for artifact in manifest.artifacts)
    return has_room(Path(tempfile.gettempdir()), needed)
