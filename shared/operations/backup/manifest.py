"""Builds the manifest of a new backup, not yet sealed."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from shared.model.manifest import VERDICT_SEAL, Integrity, Manifest, Source
from shared.model.names import BackupName
from shared.operations.backup.artifacts import Description
from shared.operations.backup.options import BackupOptions
from shared.sqlite.facts import Soundness
from shared.version import TOOL


def new_manifest(
    name: BackupName,
    options: BackupOptions,
    description: Description,
    *,
    created_at: datetime,
    keep_for: timedelta,
    source: Source,
    integrity: Soundness,
    **fields: Any,
) -> Manifest:
    """Returns a manifest with the fields that every backup has, and `fields` for those of this kind of backup."""
    return Manifest(
        id=name.id,
        database=name.database,
        kind=name.kind,
        created_at=created_at,
        keep_until=created_at + keep_for,
        environment=options.environment,
        tool=TOOL,
        source=source,
        sqlite=description.database,
        schema_hash=description.schema_hash,
        schema_version=description.schema_version,
        row_counts=description.row_counts,
        tables=description.tables,
        rows=description.rows,
        integrity=Integrity(**asdict(integrity)),
        reindex=description.reindex,
        note=options.note,
        verdict_seal=VERDICT_SEAL,
        **fields,
    )
