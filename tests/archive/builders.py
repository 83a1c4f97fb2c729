"""Builds artifacts and manifests with defaults, so that a test states only what differs."""

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import google_crc32c

from shared.archive.data_key import DataKey
from shared.archive.reader import read_artifact
from shared.archive.writer import ArtifactWriter
from shared.model.kinds import Kind
from shared.model.manifest import Artifact, Database, Integrity, Manifest, Source
from shared.model.names import BackupName, Format

NAME = BackupName(Kind.DAILY, "orders", "backup-2024-01-15-000000")
LATER = BackupName(Kind.DAILY, "orders", "backup-2024-01-16-000000")
PLAIN = b"INSERT INTO t VALUES(1,'one'),(2,'two');\n" * 3


def store(
    folder: Path,
    plain: bytes = PLAIN,
    form: Format = Format.SQL,
    key: DataKey | None = None,
    name: BackupName = NAME,
) -> tuple[bytes, Artifact]:
    """Writes `plain` with `ArtifactWriter`. Returns the stored bytes and their description."""
    path = folder / "artifact"
    with ArtifactWriter(path, form, key, name) as writer:
        writer.write(plain)
        artifact = writer.finish()
    stored = path.read_bytes()
    path.unlink()
    return stored, artifact


def read(stored: bytes, artifact: Artifact, key: DataKey | None = None, name: BackupName = NAME) -> bytes:
    return b"".join(read_artifact(io.BytesIO(stored), artifact, key, name))


def announced(stored: bytes, artifact: Artifact) -> Artifact:
    """Returns the artifact with the size and hashes of `stored`, as a forged manifest would have them."""
    return artifact.model_copy(
        update={
            "size_bytes": len(stored),
            "sha256": hashlib.sha256(stored).hexdigest(),
            "crc32c": f"{google_crc32c.value(stored):08x}",
        }
    )


def manifest(name: BackupName = NAME, **changes: Any) -> Manifest:
    moment = datetime(2024, 1, 15, tzinfo=UTC)
    fields: dict[str, Any] = {
        "id": name.id,
        "database": name.database,
        "kind": name.kind,
        "created_at": moment,
        "keep_until": moment.replace(month=2),
        "environment": "test",
        "tool": "litekeep 0.1.0",
        "source": Source(type="file", host="h", sqlite_version="3.46.0", size_bytes=4096),
        "sqlite": Database(
            page_size=4096,
            page_count=1,
            encoding="UTF-8",
            auto_vacuum=0,
            journal_mode="delete",
            user_version=0,
            application_id=0,
        ),
        "schema_hash": "0" * 64,
        "schema_version": "0",
        "row_counts": {"t": 2},
        "tables": 1,
        "rows": 2,
        "integrity": Integrity(good=True),
        "artifacts": [],
    }
    return Manifest(**(fields | changes))
