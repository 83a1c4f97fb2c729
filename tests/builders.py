"""Builds values with full defaults, so that a test states only what differs."""

from datetime import UTC, datetime
from typing import Any

from shared.model.kinds import Kind
from shared.model.manifest import Artifact, Database, Integrity, Manifest, Source
from shared.model.names import BackupName, Format

TAKEN = datetime(2024, 1, 15, tzinfo=UTC)


def make_artifact(name: BackupName, form: Format = Format.SQL, **changes: Any) -> Artifact:
    fields = {
        "format": form,
        "object": name.artifact(form, encrypted=False),
        "size_bytes": 10,
        "sha256": "a" * 64,
        "crc32c": "0" * 8,
        "plain_size_bytes": 100,
        "plain_sha256": "b" * 64,
        "encrypted": False,
    }
    return Artifact(**fields | changes)


def make_manifest(**changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "id": "backup-2024-01-15-000000",
        "database": "app.db",
        "kind": Kind.DAILY,
        "created_at": TAKEN,
        "keep_until": datetime(2024, 2, 14, tzinfo=UTC),
        "environment": "test",
        "tool": "litekeep 0.1.0",
        "source": Source(type="file", host="host", sqlite_version="3.54.1", size_bytes=4096),
        "sqlite": Database(
            page_size=4096,
            page_count=1,
            encoding="UTF-8",
            auto_vacuum=0,
            journal_mode="delete",
            user_version=0,
            application_id=0,
        ),
        "schema_hash": "c" * 64,
        "schema_version": "0",
        "row_counts": {"t": 3},
        "tables": 1,
        "rows": 3,
        "integrity": Integrity(good=True),
    }
    fields |= changes
    name = BackupName(fields["kind"], fields["database"], fields["id"])
    fields.setdefault("artifacts", [make_artifact(name)])
    return Manifest(**fields)
