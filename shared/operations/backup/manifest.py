"""The manifest of a backup that is being taken, before it is sealed."""

from datetime import datetime, timedelta
from typing import Any

from shared.model.manifest import VERDICT_SEAL, Integrity, Manifest, Source
from shared.model.names import BackupName
from shared.operations.backup.artifacts import Description
from shared.operations.backup.options import BackupOptions
from shared.version import TOOL


def new_manifest(
    name: BackupName,
    options: BackupOptions,
    description: Description,
    *,
    created_at: datetime,
    keep_for: timedelta,
    source: Source,
    integrity: Integrity,
    **more: Any,
) -> Manifest:
    """Returns what every manifest says, and `more`: what only this kind of backup has."""
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
        integrity=integrity,
        reindex=description.reindex,
        note=options.note,
        verdict_seal=VERDICT_SEAL,
        **more,
    )
