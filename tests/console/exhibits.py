"""Example stores: good and stale databases, a history of backups, drills, continuous points, hostile names."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.model.kinds import Kind
from shared.model.report_names import DrillName
from shared.stores import Store, open_store
from tests.console.site import Site

HOSTILE = [
    '"><img src=x onerror=alert(1)>.db',
    'it\'s "quoted" & <b>bold<!--.db',
    "{{ 7*7 }}${7*7}<%= 7 %>.db",
    "right\N{RIGHT-TO-LEFT OVERRIDE}bd.to\N{RIGHT-TO-LEFT MARK}left.db",
    "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER VAV}\N{HEBREW LETTER FINAL MEM}.db",
    "a" * 197 + ".db",  # the longest allowed
    "line\nbreak\ttab.db",
]
REASON = "</bdi><script>alert(1)</script>\N{RIGHT-TO-LEFT OVERRIDE}' onfocus=alert(1) x=\""


def furnish(site: Site, days_of_history: int = 3) -> None:
    """Adds databases with a history of backups, and drills of app.db, which has a first backup already."""
    now = datetime.now(UTC)
    for days in range(days_of_history, 0, -1):
        site.run(
            "CREATE TABLE IF NOT EXISTS orders(a);"
            f"INSERT INTO orders SELECT zeroblob({400 * (15 - days)}) FROM (VALUES (1),(2),(3))"
        )
        site.backup(taken=now - timedelta(days=days, hours=3))
    site.backup(taken=now - timedelta(hours=2))
    for name, age in (("orders.db", timedelta(hours=5)), ("customers.db", timedelta(days=3))):
        site.run("CREATE TABLE t(a); INSERT INTO t VALUES (1)", name)
        site.backup(database=name, taken=now - age)
    for minutes in (50, 47, 6, 3):  # with a gap
        site.backup(database="orders.db", kind=Kind.CONTINUOUS, taken=now - timedelta(minutes=minutes))
    for days, seconds, passed in ((62, 4.1, True), (34, 4.4, True), (9, 5.2, False), (6, 4.9, True)):
        hold_drill(open_store(str(site.store)), "app.db", now - timedelta(days=days), seconds, passed=passed)


def hold_drill(store: Store, database: str, held_at: datetime, seconds: float, *, passed: bool) -> None:
    name = DrillName(database, held_at, passed=passed)
    report: dict[str, Any] = {
        "format": 1,
        "database": database,
        "passed": passed,
        "data_age_seconds": 7200.0,
        "restores": [
            {"role": "latest", "backup_id": "first", "good": passed, "recovery_seconds": seconds if passed else None}
        ],
    }
    store.create(name.report, json.dumps(report).encode(), {})


def furnish_with_hostile_names(site: Site) -> None:
    for number, name in enumerate(HOSTILE):
        table = (name if number else "t" * 255).replace('"', '""')
        site.run(f'CREATE TABLE t(a); CREATE TABLE "{table}"(a); INSERT INTO t VALUES (1)', f"hostile-{number}.db")
        site.backup(f"hostile-{number}", f"hostile-{number}.db", called=name)
        hold_drill(open_store(str(site.store)), name, datetime.now(UTC) - timedelta(hours=number + 1), 1.5, passed=True)
