"""`restore --verify`: a page image with a sealed verdict of a full proof is proven by its SHA-256."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from shared.archive.data_key import DataKey
from shared.catalog.opening import open_whole
from shared.errors import SourceError
from shared.keys.keyfile import KeyFile
from shared.model.names import Format
from shared.operations.verify.check import Check
from shared.operations.verify.identity import read_back
from shared.operations.verify.ladder import Verification
from shared.runtime.progress import silent
from tests.operations.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    with closing(apsw.Connection(str(tmp_path / "app.db"))) as db:
        db.execute("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1), (2), (3)")
    return Place(tmp_path, KeyFile.create(tmp_path / "own.key"))


def test_unverified_image_gets_full_proof(place: Place) -> None:
    place.back_up()
    assert place.proven_by() == "full"


def test_verified_image_is_proven_by_identity_and_names_verdict(place: Place) -> None:
    place.back_up()
    place.verify()
    proof = place.restore().proof
    assert proof is not None
    manifest, _ = place.catalog.read_manifest(place.find())
    artifact = manifest.artifact(Format.SQLITE)
    assert artifact is not None
    assert (proof.by, proof.sha256) == ("identity", artifact.plain_sha256)
    assert [proof.verdict] == [verdict.name for verdict in place.find().verdicts]


def test_verify_full_repeats_full_proof(place: Place) -> None:
    place.back_up()
    place.verify()
    assert place.proven_by(again=True) == "full"


def test_sql_dump_always_gets_full_proof(place: Place) -> None:
    place.back_up(formats=(Format.SQL,))
    place.verify()
    assert place.proven_by() == "full"


def test_damaged_image_is_not_proven_by_its_verdict_and_sql_is_used(place: Place) -> None:
    place.back_up(formats=(Format.SQL, Format.SQLITE))
    place.verify()
    (stored,) = (place.folder / "store" / "daily/app.db").glob("one.sqlite.zst.enc")
    raw = bytearray(stored.read_bytes())
    raw[len(raw) // 2] ^= 1
    stored.chmod(0o600)
    stored.write_bytes(raw)
    restored = place.restore()
    assert restored.proof is not None
    assert (restored.proof.by, restored.artifact) == ("full", "daily/app.db/one.sql.gz.enc")


def verdict_of(place: Place, name: str) -> Path:
    (path,) = (place.folder / "store" / "daily/app.db").glob(f"{name}.verified-*.json")
    return path


def copied(place: Place) -> None:
    """Copies the genuine verdict of another backup."""
    path = verdict_of(place, "one")
    shutil.copy2(path, path.with_name(path.name.replace("one.", "two.", 1)))


def renamed(place: Place) -> None:
    """Copies the genuine verdict of another backup, with this backup's id in it."""
    path = verdict_of(place, "one")
    document = json.loads(path.read_text()) | {"id": "two"}
    path.with_name(path.name.replace("one.", "two.", 1)).write_text(json.dumps(document))


def sealed_by_another_key(place: Place) -> None:
    _, opened = open_whole(place.catalog, place.find("two"), place.key)
    verdict = Verification("two", [Check("data", ok=True, detail="")])
    place.catalog.record(place.find("two").name, verdict, now(), replace(opened, data_key=DataKey.generate()))


def of_another_level(place: Place) -> None:
    class Quick(Verification):
        def to_json(self) -> dict[str, object]:
            return super().to_json() | {"level": "checksum"}

    record(place, Quick("two", [Check("data", ok=True, detail="")]))


def not_good_since(place: Place) -> None:
    place.verify("two")
    record(place, Verification("two", [Check("data", ok=False, detail="rows differ")]))


def dated_in_the_future(place: Place) -> None:
    record(place, Verification("two", [Check("data", ok=True, detail="")]), now() + timedelta(days=1))


def record(place: Place, verdict: Verification, at: datetime | None = None) -> None:
    _, opened = open_whole(place.catalog, place.find("two"), place.key)
    place.catalog.record(place.find("two").name, verdict, at or now(), opened)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize(
    "attack", [copied, renamed, sealed_by_another_key, of_another_level, not_good_since, dated_in_the_future]
)
def test_invalid_verdict_proves_nothing(place: Place, attack: Callable[[Place], None]) -> None:
    place.back_up("one")
    place.verify("one")
    place.back_up("two")
    attack(place)
    assert place.proven_by("two") == "full"
    assert place.proven_by("one") == "identity"


def test_unencrypted_backup_always_gets_full_proof(place: Place) -> None:
    open_place = replace(place, key=None)
    open_place.back_up()
    open_place.verify()
    assert open_place.proven_by() == "full"


def test_identity_proof_reports_source_damage(place: Place) -> None:
    with closing(apsw.Connection(str(place.folder / "app.db"))) as db:
        db.execute("CREATE TABLE u(a); INSERT INTO u VALUES (1), (1); CREATE INDEX i ON u(a)")
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX i ON u(a)' WHERE name = 'i'")
    place.back_up()
    assert place.verify().source_damage
    restored = place.restore()
    assert restored.proof is not None
    assert restored.proof.by == "identity"
    assert any("the source is damaged: non-unique entry in index i" in note for note in restored.notes)


def test_read_back_reports_disk_that_holds_other_bytes(place: Place) -> None:
    place.back_up()
    manifest, _ = place.catalog.read_manifest(place.find())
    artifact = manifest.artifact(Format.SQLITE)
    assert artifact is not None
    image = place.folder / "written.db"
    image.write_bytes((place.folder / "app.db").read_bytes())
    read_back(image, artifact, silent)
    raw = bytearray(image.read_bytes())
    raw[-1] ^= 1
    image.write_bytes(raw)
    with pytest.raises(SourceError, match="returns other bytes than were written"):
        read_back(image, artifact, silent)
