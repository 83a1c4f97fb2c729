"""A store with a trail, a copy store, and a clock that the test sets."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.audit.anchors import copy_anchor
from shared.audit.check import CheckOptions, Report, check_trail
from shared.audit.take import CheckpointOptions, CheckpointTaken, take_checkpoint
from shared.audit.trail import TrailWriter
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.statements.envelope import Signer
from shared.statements.public_key import PublicKey
from shared.stores import Store, open_store

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
ONE, TWO, THREE = (BackupName(Kind.DAILY, "app.db", name) for name in ("one", "two", "three"))


def event(action: str = "backup", name: BackupName | None = None, **more: Any) -> dict[str, Any]:
    about = {} if name is None else {"database": name.database, "kind": name.kind.value, "backup_id": name.id}
    return {"event": "audit", "actor": "ana", "action": action, "target": "s", "outcome": "succeeded"} | about | more


@dataclass
class Trail:
    """A store and a copy store. `backups` are those in the listing; `leaving` those without a manifest."""

    folder: Path
    store: Store
    copy: Store | None
    now: datetime = NOON
    backups: set[BackupName] = field(default_factory=lambda: {ONE, TWO})
    leaving: set[BackupName] = field(default_factory=set)
    signer: Signer | None = None
    keys: list[PublicKey] = field(default_factory=list)

    def writer(self, store: Store | None = None) -> TrailWriter:
        return TrailWriter(lambda: store or self.store, clock=lambda: self.now)

    def write(self, *events: dict[str, Any]) -> None:
        """Writes events as one process."""
        writer = self.writer()
        for each in events:
            assert writer.write(each) is None

    def take(self) -> CheckpointTaken:
        options = CheckpointOptions(
            self.store, frozenset(self.backups), frozenset(self.leaving), self.copy, self.signer, self.keys, None
        )
        return take_checkpoint(options, clock=lambda: self.now)

    def later(self, hours: float = 1) -> None:
        self.now += timedelta(hours=hours)

    def check(self, since: datetime | None = None, *, must_sign: bool = False) -> Report:
        anchors = [copy_anchor(self.copy)] if self.copy else []
        return check_trail(
            self.store, CheckOptions(self.keys, must_sign=must_sign, since=since), anchors, clock=lambda: self.now
        )

    def found(self, **flags: Any) -> list[tuple[str, str]]:
        return [(each.object, each.what) for each in self.check(**flags).findings]

    def events(self) -> list[Path]:
        return sorted(path for path in (self.folder / "store/audit").rglob("*.json") if "checkpoints" not in path.parts)

    def checkpoints(self, place: str = "store") -> list[Path]:
        return sorted((self.folder / place / "audit/checkpoints").glob("*.json"))

    def name(self, path: Path) -> str:
        return str(path.relative_to(self.folder / "store"))


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    stores = [open_store(str(tmp_path / name)) for name in ("store", "copy")]
    return Trail(tmp_path, stores[0], stores[1])


@pytest.fixture
def day(trail: Trail) -> Trail:
    """A day of work: each hour two processes, and a checkpoint."""
    for hour in range(24):
        trail.write(event("backup", ONE), event("verify", ONE))
        trail.write(event("restore", TWO, actor="ben"))
        trail.later(0.5)
        assert trail.take().problems == [], hour
        trail.later(0.5)
    return trail


Change = Callable[[Path], None]


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the JSON in a file, like an attacker with write access to the folder."""
    document = json.loads(path.read_bytes())
    change(document)
    path.chmod(0o600)
    path.write_text(json.dumps(document))
