"""What a manifest says about its database, for the confined process: it checks a database without the manifest."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from shared.clock import rfc3339
from shared.model.names import Format
from shared.sqlite.facts import Soundness, StoredSettings

if TYPE_CHECKING:
    from shared.model.manifest import Integrity, Manifest


@dataclass(frozen=True)
class ExpectedDatabase:
    """The recorded facts about the database of the backup `id`. `sql_sha256` is None if the backup has no SQL."""

    id: str
    database: str
    created_at: str
    schema_version: str
    schema_hash: str
    dump_format: int
    settings: StoredSettings
    soundness: Soundness
    tables: int
    rows: int
    row_counts: dict[str, int]
    sql_sha256: str | None
    sql_bytes: int

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Returns the facts from the result of `asdict`, which this program made: it is not checked."""
        parts = {
            "settings": StoredSettings(**document["settings"]),
            "soundness": Soundness(**document["soundness"]),
        }
        return cls(**document | parts)


def expected_by(manifest: "Manifest") -> ExpectedDatabase:
    """Returns the facts that the manifest records."""
    its, sql = manifest.sqlite, manifest.artifact(Format.SQL)
    return ExpectedDatabase(
        id=manifest.id,
        database=manifest.database,
        created_at=rfc3339(manifest.created_at),
        schema_version=manifest.schema_version,
        schema_hash=manifest.schema_hash,
        dump_format=manifest.dump_format,
        settings=StoredSettings(
            its.page_size,
            its.page_count,
            its.encoding,
            its.auto_vacuum,
            its.journal_mode,
            its.user_version,
            its.application_id,
        ),
        soundness=soundness_of(manifest.integrity),
        tables=manifest.tables,
        rows=manifest.rows,
        row_counts=manifest.row_counts,
        sql_sha256=sql.plain_sha256 if sql else None,
        sql_bytes=sql.plain_size_bytes if sql else 0,
    )


def soundness_of(integrity: "Integrity") -> Soundness:
    """Returns the manifest's record as plain values."""
    return Soundness(integrity.good, integrity.problems, integrity.foreign_key_violations)
