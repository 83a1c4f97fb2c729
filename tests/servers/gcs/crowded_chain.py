"""A read-only bucket with any number of points of a chain, to measure the cost of reading a week of them."""

import json
from datetime import datetime, timedelta
from functools import lru_cache

from shared.archive.seals import seal_manifest
from shared.catalog.summary import beside_manifest, beside_verdict
from shared.catalog.verdicts import opened_as, read_verdict, seal_verdict
from shared.continuous.radix import parent_of
from shared.model.kinds import Kind
from shared.model.lock_names import Unchanged
from shared.model.manifest import Chain
from shared.model.names import BackupName, Format, automatic_id
from tests.builders import make_artifact, make_manifest
from tests.servers.gcs.crowded import Crowded

_EVERY = timedelta(minutes=3)
_A_DAY = timedelta(days=1) // _EVERY
_VERIFIED = 20  # every 20th point, as by the hourly job
_MARKS = 8  # a mark after every 8th point
_KEPT = timedelta(days=7)


class CrowdedChain(Crowded):
    """`points` points up to `newest`, with a base each day and a verdict each hour."""

    def __init__(self, points: int, database: str, newest: datetime) -> None:
        super().__init__(0, 1, newest)
        first = newest - (points - 1) * _EVERY
        self._own = [
            BackupName(Kind.CONTINUOUS, database, automatic_id(first + number * _EVERY)) for number in range(points)
        ]
        self._number = {name: number for number, name in enumerate(self._own)}

    def _objects(self, own: BackupName) -> tuple[str, ...]:
        number = self._number[own]
        mark = (Unchanged(own, self._taken(own) + timedelta(seconds=90)).object,) if number % _MARKS == 1 else ()
        verdict = (own.verdict(self._verified(own)),) if number % _VERIFIED == 0 else ()
        return (own.manifest, *(own.artifact(form, encrypted=False) for form in self._forms(own)), *verdict, *mark)

    def _forms(self, own: BackupName) -> tuple[Format, Format]:
        return (Format.PAGES if self._number[own] % _A_DAY else Format.SQLITE, Format.INDEX)

    def _chain(self, own: BackupName) -> Chain:
        number = self._number[own]
        cycle = number % _A_DAY
        base = self._own[number - cycle]
        parent = self._own[number - cycle + parent_of(cycle)].id if cycle else None
        return Chain(
            base=base.id,
            parent=parent,
            cycle=cycle,
            changed_pages=1,
            identity=f"{number:064x}",
            began_at=self._taken(own),
        )

    @lru_cache(maxsize=8)  # noqa: B019 - lives as long as its server
    def _documents(self, own: BackupName) -> tuple[bytes, dict[str, str], bytes, dict[str, str]]:
        taken = self._taken(own)
        made = make_manifest(
            format=2,
            id=own.id,
            database=own.database,
            kind=own.kind,
            created_at=taken,
            keep_until=taken + _KEPT,
            verdict_seal=1,
            artifacts=[make_artifact(own, form) for form in self._forms(own)],
            chain=self._chain(own),
        )
        manifest = seal_manifest(made, None)
        raw = manifest.to_json()
        document = {"id": own.id, "ok": True, "level": "full", "checks": []}
        verdict = seal_verdict(document, own, self._verified(own), opened_as(manifest, raw, None))
        return raw, beside_manifest(manifest), verdict, beside_verdict(read_verdict(verdict) or {})

    def _listed(self, name: str) -> str:
        return json.dumps(self.item(name))
