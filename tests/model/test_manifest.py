"""The manifest: it round-trips, and malformed or foreign ones are refused."""

import json

import pytest

from shared.errors import NotGood
from shared.model.kinds import Kind
from shared.model.manifest import FORMAT, parse_manifest
from shared.model.names import BackupName
from tests.builders import make_manifest


def test_manifest_round_trip() -> None:
    manifest = make_manifest()
    assert parse_manifest(manifest.to_json(), manifest.name) == manifest


def test_unknown_fields_are_kept() -> None:
    manifest = make_manifest()
    document = json.loads(manifest.to_json()) | {"colour": "blue"}
    parsed = parse_manifest(json.dumps(document).encode(), manifest.name)
    assert json.loads(parsed.to_json())["colour"] == "blue"


def test_newer_format_is_refused_with_a_hint_to_upgrade() -> None:
    manifest = make_manifest()
    document = json.loads(manifest.to_json()) | {"format": FORMAT + 1}
    with pytest.raises(NotGood, match="upgrade"):
        parse_manifest(json.dumps(document).encode(), manifest.name)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"format": 1}', b"\xff", b"[" * 100_000])
def test_malformed_manifest_is_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(NotGood) as caught:
        parse_manifest(raw, make_manifest().name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        BackupName(Kind.WEEKLY, "app.db", "backup-2024-01-15-000000"),
        BackupName(Kind.DAILY, "other.db", "backup-2024-01-15-000000"),
        BackupName(Kind.DAILY, "app.db", "backup-2024-01-16-000000"),
    ],
)
def test_manifest_stored_under_another_name_is_refused(name: BackupName) -> None:
    with pytest.raises(NotGood, match="belongs to"):
        parse_manifest(make_manifest().to_json(), name)


def test_manifest_with_an_artifact_of_another_backup_is_refused() -> None:
    manifest = make_manifest()
    document = json.loads(manifest.to_json())
    document["artifacts"][0]["object"] = "daily/app.db/backup-2023-01-01-000000.sql.gz"
    with pytest.raises(NotGood, match="not its own"):
        parse_manifest(json.dumps(document).encode(), manifest.name)
