"""A store with a backup of a live database, a policy that names Ana and Ben, and a clock that the test sets."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from shared.approvals.actions import Action
from shared.approvals.desk import Desk, Submitted
from shared.catalog.listing import Catalog
from shared.model.kinds import Kind
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.permitted import plan_of
from shared.operations.restore.run import restore
from shared.policy.file import PolicyFile
from shared.sqlite.location import FileLocation
from shared.statements.envelope import Signer
from shared.stores import Store, open_store
from tests.approvals.people import ANA, BEN, policy


@dataclass
class Office:
    """The stores, the live database and the mounted policy (`file`). `now` is the time of every clock."""

    folder: Path
    now: datetime
    stores: list[Store] = field(default_factory=list)
    file: PolicyFile = field(default_factory=policy)

    @property
    def store(self) -> Store:
        return self.stores[0]

    @property
    def live(self) -> Path:
        return self.folder / "live.db"

    def run(self, script: str, path: Path | None = None) -> list[tuple[object, ...]]:
        with closing(apsw.Connection(str(path or self.live))) as connection:
            return connection.execute(script).fetchall()

    def backup(self, name: str) -> None:
        location = FileLocation(self.live)
        take_backup(BackupOptions(location, self.store, None, Kind.DAILY, timedelta(7), "production", name=name))

    def desk(self, file: PolicyFile | None = None) -> Desk:
        return Desk(file or self.file, self.stores, clock=lambda: self.now)

    def order(self, ref: str = "one", **changes: object) -> RestoreOptions:
        catalog = Catalog(self.store)
        made = RestoreOptions(
            catalog=catalog,
            backup=catalog.find(ref),
            key=None,
            target=FileLocation(self.live),
            in_place=True,
            environment="production",
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    def ask(self, who: Signer = ANA, order: RestoreOptions | None = None, file: PolicyFile | None = None) -> str:
        order = order or self.order()
        _, raw = order.catalog.read_manifest(order.backup)
        return self.desk(file).request(who, Action.RESTORE, plan_of(order, raw), {}, "orders lost").id

    def decide(
        self, request: str, who: Signer = BEN, decision: str = "approved", file: PolicyFile | None = None
    ) -> Submitted:
        desk = self.desk(file)
        return desk.decide(who, desk.state(request), decision, "seen")

    def approved(self, order: RestoreOptions | None = None) -> str:
        request = self.ask(order=order)
        self.decide(request)
        return request

    def restore(
        self,
        request: str,
        order: RestoreOptions | None = None,
        file: PolicyFile | None = None,
        before_swap: Callable[[], None] | None = None,
    ) -> None:
        """Restores like the restore job: takes the permit first, and calls `before_swap` before it is redeemed."""
        permit = self.desk(file).permit(request, [Action.RESTORE])

        def progress(stage: str, done: int, total: int) -> None:
            nonlocal before_swap
            if before_swap is not None:
                act, before_swap = before_swap, None
                act()

        restore(replace(order or self.order(), permit=permit), progress=progress)

    def object(self, request: str, ending: str) -> Path:
        return self.folder / "store" / "requests" / f"{request}.{ending}.json"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    stores = [open_store(str(tmp_path / "store")), open_store(str(tmp_path / "copy"))]
    made = Office(tmp_path, datetime.now(UTC), stores)
    made.run("CREATE TABLE t(a); INSERT INTO t VALUES ('kept')")
    made.backup("one")
    made.run("DELETE FROM t")
    return made
