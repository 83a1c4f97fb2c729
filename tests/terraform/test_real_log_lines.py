"""The lines that real job runs log, given to every alert's filter: each case fires its own alerts and no others.

What no job run can bring about in a second (a backup that takes an hour) is tried on made-up lines in
test_alert_filters.py.
"""

import json
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import apsw
import pytest

from shared.clock import rfc3339, utc_now
from shared.keys import open_key
from shared.model.kinds import Kind
from shared.model.names import BackupName, Slot
from shared.model.schedules import DEFAULT_SCHEDULES
from shared.sqlitecloud import native
from shared.stores import open_store
from tests.jobs.conftest import job, sample  # noqa: F401 - fixtures
from tests.jobs.runs import Job, Line, Run
from tests.retention.cleanup.shelf import put
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME, address_of, make_database
from tests.terraform.logging_query import Entry, compile_query

Case = Callable[[Job], Run]
DAILY = {"BACKUP_SCHEDULES": "daily=0 0 * * *"}


def entry(line: Line) -> Entry:
    """What Cloud Logging makes of a line of a job's stdout."""
    special = ("severity", "time", "logging.googleapis.com/labels", "logging.googleapis.com/trace")
    labels: dict[str, Any] = line["logging.googleapis.com/labels"]
    return {
        "severity": line["severity"],
        "labels": labels,
        "resource": {"type": "cloud_run_job", "labels": {"job_name": labels["job"], "location": "europe-west1"}},
        "logName": "projects/acme-prod/logs/run.googleapis.com%2Fstdout",
        "jsonPayload": {name: value for name, value in line.items() if name not in special},
    }


def damage(job: Job, name: str) -> None:  # noqa: F811
    (path,) = job.store.rglob(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def sql(job: Job, text: str) -> None:  # noqa: F811
    connection = apsw.Connection(str(job.database))
    connection.execute(text)
    connection.close()


def a_backup(job: Job) -> Run:  # noqa: F811
    return job.run("backup", "--kind=daily", "--verify")


def a_backup_without_its_database(job: Job) -> Run:  # noqa: F811
    return job.run("backup", "--kind=daily", DATABASE_URL="gone.db")


def a_backup_with_a_wrong_setting(job: Job) -> Run:  # noqa: F811
    return job.run("backup", "--kind=daily", BACKUP_SCHEDULES="daily=never")


def a_drill_with_a_wrong_setting(job: Job) -> Run:  # noqa: F811
    return job.run("verify", "--drill", ENVIRONMENT="prod")


def a_backup_of_a_damaged_database(job: Job) -> Run:  # noqa: F811
    content = bytearray(job.database.read_bytes())
    content[4096 * 2 : 4096 * 6] = b"\x55" * 4096 * 4
    job.database.write_bytes(content)
    return job.run("backup", "--kind=daily")


def a_backup_into_a_store_that_takes_nothing(job: Job) -> Run:  # noqa: F811
    job.store.write_bytes(b"no folder")
    return job.run("backup")


def a_backup_without_its_copy(job: Job) -> Run:  # noqa: F811
    (job.folder / "copy").write_bytes(b"no folder")
    return job.run("backup", BACKUP_COPY_STORE="copy")


def a_second_start_of_a_slot(job: Job) -> Run:  # noqa: F811
    slot = Slot(Kind.WEEKLY, "app.db", DEFAULT_SCHEDULES[Kind.WEEKLY].slot_at(utc_now()))
    ends = rfc3339(utc_now() + timedelta(hours=1))
    claim = {"owner": "another/0", "attempt": 0, "over": False, "expires_at": ends}
    open_store(str(job.store)).create(slot.claim(1), json.dumps(claim).encode(), {})
    return job.run("backup", "--kind=weekly")


def a_verification(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--name=one")
    return job.run("verify", "--backup=one")


def a_verification_of_a_damaged_backup(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--name=one")
    damage(job, "one.sqlite.zst.enc")
    return job.run("verify", "--all")


def a_verification_of_a_damaged_source(job: Job) -> Run:  # noqa: F811
    with closing(apsw.Connection(str(job.database))) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.execute("CREATE TABLE odd(x); CREATE INDEX i ON odd(x); INSERT INTO odd VALUES (1), (1)")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_schema SET sql='CREATE UNIQUE INDEX i ON odd(x)' WHERE name='i'")
    job.run("backup", "--name=one", "--format=sqlite")
    return job.run("verify", "--backup=one")


def a_verification_with_the_wrong_key(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--name=one")
    (job.folder / "litekeep.key").unlink()
    return job.run("verify", "--backup=one", BACKUP_KEY="none")


def a_restore(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--name=one")
    return job.run("restore", "--backup=one", "--to=new.db")


def a_restore_of_a_damaged_backup(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--name=one")
    for name in ("one.sqlite.zst.enc", "one.sql.gz.enc"):
        damage(job, name)
    return job.run("restore", "--backup=one", "--to=new.db")


def a_cleanup(job: Job) -> Run:  # noqa: F811
    a_shelf(job, young=9)
    return job.run("cleanup")


def a_verification_asked_for_wrongly(job: Job) -> Run:  # noqa: F811
    return job.run("verify", "--since=soon")


def a_cleanup_that_deletes_much(job: Job) -> Run:  # noqa: F811
    a_shelf(job, young=4)
    return job.run("cleanup")


def a_cleanup_that_waits_for_a_good_backup(job: Job) -> Run:  # noqa: F811
    a_shelf(job, young=9)
    put_one(job, 0.1, "failing", verified=False)
    return job.run("cleanup")


def a_cleanup_of_a_store_that_is_none(job: Job) -> Run:  # noqa: F811
    job.store.write_bytes(b"no folder")
    return job.run("cleanup")


def a_shelf(job: Job, young: int) -> None:  # noqa: F811
    """Daily backups, and two of them past their time."""
    for number in range(young):
        put_one(job, 1 + number / 4)
    for number in range(2):
        put_one(job, 100 + number)


def put_one(job: Job, days: float, backup_id: str | None = None, **changes: Any) -> BackupName:  # noqa: F811
    """A backup of that age under the job's key, of which nothing can be restored."""
    key = open_key(f"file:{job.folder / 'litekeep.key'}")
    return put(open_store(str(job.store)), days, backup_id, key=key, **changes)


def a_look_at_what_is_well(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--kind=daily", "--verify", **DAILY)
    job.run("verify", "--drill", "--now")
    return job.run("monitor", **DAILY)


def a_look_at_what_stands_still(job: Job) -> Run:  # noqa: F811
    """For two days no backup, for 40 no drill, and never a copy."""
    (job.folder / "copy").mkdir()
    for days in (2, 3, 4, 40):
        put_one(job, days, database="app.db")
    return job.run("monitor", BACKUP_COPY_STORE="copy", **DAILY)


def a_look_at_what_nobody_proved(job: Job) -> Run:  # noqa: F811
    for days in (2, 3):
        put_one(job, days, database="app.db", verified=None)
    return job.run("monitor", BACKUP_SCHEDULES="off")


def a_look_at_what_is_not_good(job: Job) -> Run:  # noqa: F811
    put_one(job, 2, database="app.db", verified=False)
    return job.run("monitor", BACKUP_SCHEDULES="off")


def a_look_at_a_verdict_that_nobody_with_the_key_wrote(job: Job) -> Run:  # noqa: F811
    name = put_one(job, 0.5, database="app.db", verified=None, verdict_seal=1)
    open_store(str(job.store)).create(name.verdict(utc_now()), b'{"ok": true}', {})
    return job.run("monitor", BACKUP_SCHEDULES="off")


def a_look_at_what_is_dated_in_the_future(job: Job) -> Run:  # noqa: F811
    put_one(job, -2, database="app.db")
    return job.run("monitor", BACKUP_SCHEDULES="off")


def a_look_at_what_shrank(job: Job) -> Run:  # noqa: F811
    job.database.unlink()
    sql(job, "create table small (x); create table large (x)")
    sql(job, "with n(i) as (values(1) union all select i + 1 from n where i < 200) "
             "insert into large select randomblob(500) from n")  # fmt: skip
    for _ in range(2):
        job.run("backup", "--format=sql")
    sql(job, "delete from large where rowid > 20; drop table small")
    job.run("backup", "--format=sql", "--verify")
    job.run("verify", "--drill", "--now")
    return job.run("monitor", BACKUP_SCHEDULES="off")


def a_look_without_a_key(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--kind=daily", "--verify", **DAILY)
    job.run("verify", "--drill", "--now")
    return job.run("monitor", BACKUP_KEY="file:lost.key", **DAILY)


def a_look_at_a_copy_store_that_takes_nothing(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--kind=daily", "--verify", **DAILY)
    (job.folder / "copy").write_bytes(b"no folder")
    return job.run("monitor", BACKUP_COPY_STORE="copy", **DAILY)


def a_look_at_no_store(job: Job) -> Run:  # noqa: F811
    job.store.write_bytes(b"no folder")
    return job.run("monitor", **DAILY)


def a_look_at_native_backups_that_make_no_points(job: Job) -> Run:  # noqa: F811
    """They are on, and an hour later by the node's clock there is none."""
    (job.folder / "node").mkdir()
    make_database(job.folder / "node" / NAME)
    with Server(job.folder / "node", plain=True) as server:
        server.native.after_write = lambda database: None  # type: ignore[method-assign]
        server.faults.error("LIST BACKUPS DATABASE", 10005, "No backups found.", times=None)
        native.enable(address_of(server), NAME)
        server.clock.advance(3600)
        return job.run("monitor", DATABASE_URL=server.url(database=NAME), BACKUP_SCHEDULES="off")


def a_drill(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--kind=daily", "--verify")
    return job.run("verify", "--drill", "--now")


def a_drill_on_a_damaged_backup(job: Job) -> Run:  # noqa: F811
    job.run("backup", "--kind=daily")
    for path in job.store.rglob("*.enc"):
        damage(job, path.name)
    return job.run("verify", "--drill", "--now")


CASES: dict[Case, tuple[set[str], set[str]]] = {
    # each: events that must be among the lines, alerts that fire
    a_backup: ({"backup.succeeded", "audit"}, set()),
    a_backup_without_its_database: ({"backup.failed"}, {"backup-failed"}),
    a_backup_with_a_wrong_setting: ({"backup.failed"}, {"backup-failed"}),
    a_backup_of_a_damaged_database: ({"backup.failed"}, {"backup-failed"}),
    a_backup_into_a_store_that_takes_nothing: ({"backup.failed"}, {"backup-failed"}),
    a_backup_without_its_copy: ({"backup.failed"}, {"backup-failed"}),
    a_second_start_of_a_slot: ({"backup.skipped"}, set()),
    a_verification: ({"verify.succeeded"}, set()),
    a_verification_of_a_damaged_backup: ({"verify.failed"}, {"verify-failed"}),
    a_verification_of_a_damaged_source: ({"verify.succeeded", "source.damaged"}, {"source-damaged"}),
    a_verification_with_the_wrong_key: ({"verify.failed"}, {"verify-failed"}),
    a_verification_asked_for_wrongly: ({"verify.refused"}, {"wrong-usage"}),
    a_drill_with_a_wrong_setting: ({"drill.refused"}, {"wrong-usage"}),
    a_restore: ({"restore.started", "restore.succeeded"}, {"restore-started"}),
    a_restore_of_a_damaged_backup: ({"restore.failed"}, {"restore-started", "restore-failed"}),
    a_cleanup: ({"cleanup.succeeded"}, set()),
    a_cleanup_that_deletes_much: ({"cleanup.succeeded"}, {"cleanup-large"}),
    a_cleanup_that_waits_for_a_good_backup: ({"cleanup.succeeded", "cleanup.attention"}, {"cleanup-attention"}),
    a_cleanup_of_a_store_that_is_none: ({"cleanup.failed"}, {"cleanup-failed"}),
    a_look_at_what_is_well: ({"monitor.ok", "monitor.age"}, set()),
    a_look_at_what_stands_still: ({"monitor.stale"}, {"backup-stale", "copy-behind", "drill-overdue"}),
    a_look_at_what_nobody_proved: ({"monitor.unverified"}, {"unverified"}),
    a_look_at_what_is_not_good: ({"monitor.not_good"}, {"verify-failed"}),
    a_look_at_a_verdict_that_nobody_with_the_key_wrote: ({"monitor.not_sealed"}, {"not-sealed"}),
    a_look_at_what_is_dated_in_the_future: ({"monitor.future"}, {"dated-in-future"}),
    a_look_at_what_shrank: ({"monitor.size_anomaly", "monitor.table_vanished"}, {"size-anomaly", "table-vanished"}),
    a_look_without_a_key: ({"monitor.key_unusable"}, {"key-unusable"}),
    a_look_at_a_copy_store_that_takes_nothing: (
        {"monitor.store_unwritable"},
        {"monitor-failed", "store-unwritable"},
    ),
    a_look_at_no_store: ({"monitor.failed"}, {"monitor-failed"}),
    a_look_at_native_backups_that_make_no_points: ({"monitor.native_stale"}, {"native-stale"}),
    a_drill: ({"drill.succeeded"}, set()),
    a_drill_on_a_damaged_backup: ({"drill.failed"}, {"drill-failed"}),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_case_fires_its_own_alerts_and_no_others(
    case: Case,
    job: Job,  # noqa: F811
    planned_outputs: dict[str, Any],
) -> None:
    filters: dict[str, str] = planned_outputs["alert_filters"]
    run = case(job)
    events, alerts = CASES[case]
    assert events <= {line["event"] for line in run.lines}, (run.out, run.err)
    fired = {
        name: line["event"]
        for line in run.lines
        for name, query in filters.items()
        if compile_query(query)(entry(line))
    }
    assert set(fired) == alerts, fired


def test_every_alert_on_what_jobs_say_was_fired_but_one_that_takes_long(planned_outputs: dict[str, Any]) -> None:
    fired = {alert for _, alerts in CASES.values() for alert in alerts}
    by_others = {"audit-changed", "bucket-changed", "key-changed", "not-started"}
    assert set(planned_outputs["alert_filters"]) == fired | by_others | {"backup-slow"}
