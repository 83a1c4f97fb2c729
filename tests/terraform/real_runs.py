"""Runs of real jobs, one function for each case. Their log lines fire alerts, or none."""

import json
from contextlib import closing
from datetime import timedelta
from typing import Any

import apsw

from shared.clock import rfc3339, utc_now
from shared.keys import open_key
from shared.model.kinds import Kind
from shared.model.lock_names import Slot
from shared.model.names import BackupName
from shared.model.schedules import DEFAULT_SCHEDULES
from shared.sqlitecloud import native_backups
from shared.stores import open_store
from tests.jobs.runs import Job, Run
from tests.retention.cleanup.shelf import put
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME, address_of, make_database

DAILY = {"BACKUP_SCHEDULES": "daily=0 0 * * *"}


def damage(job: Job, name: str) -> None:
    (path,) = job.store.rglob(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def sql(job: Job, text: str) -> None:
    connection = apsw.Connection(str(job.database))
    connection.execute(text)
    connection.close()


def a_backup(job: Job) -> Run:
    return job.run("backup", "--kind=daily", "--verify")


def a_backup_without_its_database(job: Job) -> Run:
    return job.run("backup", "--kind=daily", DATABASE_URL="gone.db")


def a_backup_with_a_wrong_setting(job: Job) -> Run:
    return job.run("backup", "--kind=daily", BACKUP_SCHEDULES="daily=never")


def a_drill_with_a_wrong_setting(job: Job) -> Run:
    return job.run("verify", "--drill", ENVIRONMENT="prod")


def a_backup_of_a_damaged_database(job: Job) -> Run:
    content = bytearray(job.database.read_bytes())
    content[4096 * 2 : 4096 * 6] = b"\x55" * 4096 * 4
    job.database.write_bytes(content)
    return job.run("backup", "--kind=daily")


def a_backup_into_an_unwritable_store(job: Job) -> Run:
    job.store.write_bytes(b"no folder")
    return job.run("backup")


def a_backup_without_its_copy(job: Job) -> Run:
    (job.folder / "copy").write_bytes(b"no folder")
    return job.run("backup", BACKUP_COPY_STORE="copy")


def a_second_start_of_a_slot(job: Job) -> Run:
    slot = Slot(Kind.WEEKLY, "app.db", DEFAULT_SCHEDULES[Kind.WEEKLY].slot_at(utc_now()))
    ends = rfc3339(utc_now() + timedelta(hours=1))
    claim = {"owner": "another/0", "attempt": 0, "over": False, "expires_at": ends}
    open_store(str(job.store)).create(slot.claim(1), json.dumps(claim).encode(), {})
    return job.run("backup", "--kind=weekly")


def a_verification(job: Job) -> Run:
    job.run("backup", "--name=one")
    return job.run("verify", "--backup=one")


def a_verification_of_a_damaged_backup(job: Job) -> Run:
    job.run("backup", "--name=one")
    damage(job, "one.sqlite.zst.enc")
    return job.run("verify", "--all")


def a_verification_of_a_damaged_source(job: Job) -> Run:
    with closing(apsw.Connection(str(job.database))) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.execute("CREATE TABLE odd(x); CREATE INDEX i ON odd(x); INSERT INTO odd VALUES (1), (1)")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_schema SET sql='CREATE UNIQUE INDEX i ON odd(x)' WHERE name='i'")
    job.run("backup", "--name=one", "--format=sqlite")
    return job.run("verify", "--backup=one")


def a_verification_with_the_wrong_key(job: Job) -> Run:
    job.run("backup", "--name=one")
    (job.folder / "litekeep.key").unlink()
    return job.run("verify", "--backup=one", BACKUP_KEY="none")


def a_restore(job: Job) -> Run:
    job.run("backup", "--name=one")
    return job.run("restore", "--backup=one", "--to=new.db")


def a_restore_of_a_damaged_backup(job: Job) -> Run:
    job.run("backup", "--name=one")
    for name in ("one.sqlite.zst.enc", "one.sql.gz.enc"):
        damage(job, name)
    return job.run("restore", "--backup=one", "--to=new.db")


def a_restore_check_of_a_reachable_target(job: Job) -> Run:
    job.run("backup", "--name=one")
    return job.run("restore", "--check")


def a_restore_check_of_an_unreachable_target(job: Job) -> Run:
    job.run("backup", "--name=one")
    return job.run("restore", "--check", DATABASE_URL="gone/new.db")


def a_cleanup(job: Job) -> Run:
    put_backups(job, young=9)
    return job.run("cleanup")


def a_verification_with_a_wrong_flag(job: Job) -> Run:
    return job.run("verify", "--since=soon")


def a_cleanup_that_deletes_many_backups(job: Job) -> Run:
    put_backups(job, young=4)
    return job.run("cleanup")


def a_cleanup_that_waits_for_a_good_backup(job: Job) -> Run:
    put_backups(job, young=9)
    put_backup(job, 0.1, "failing", verified=False)
    return job.run("cleanup")


def a_cleanup_of_a_broken_store(job: Job) -> Run:
    job.store.write_bytes(b"no folder")
    return job.run("cleanup")


def put_backups(job: Job, young: int) -> None:
    """Stores daily backups, `young` recent ones and two past their retention."""
    for number in range(young):
        put_backup(job, 1 + number / 4)
    for number in range(2):
        put_backup(job, 100 + number)


def put_backup(job: Job, days: float, backup_id: str | None = None, **changes: Any) -> BackupName:
    """Stores a backup of that age under the job's key, without restorable content."""
    key = open_key(f"file:{job.folder / 'litekeep.key'}")
    return put(open_store(str(job.store)), days, backup_id, key=key, **changes)


def a_backup_whose_audit_event_fails(job: Job) -> Run:
    job.store.mkdir()
    (job.store / "audit").write_bytes(b"no folder")
    return job.run("backup", "--kind=daily")


def a_monitor_run_after_a_backup_vanished(job: Job) -> Run:
    a_monitor_run_without_findings(job)
    job.run("backup", "--name=one", "--verify")
    job.run("monitor", **DAILY)
    for path in job.store.rglob("one.*"):
        path.unlink()
    return job.run("monitor", **DAILY)


def a_monitor_run_after_an_audit_event_was_removed(job: Job) -> Run:
    a_monitor_run_without_findings(job)
    next((job.store / "audit").glob("2*/*")).unlink()
    return job.run("monitor", **DAILY)


def a_monitor_run_without_findings(job: Job) -> Run:
    job.run("backup", "--kind=daily", "--verify", **DAILY)
    job.run("verify", "--drill", "--now")
    return job.run("monitor", **DAILY)


def a_monitor_run_on_stale_backups(job: Job) -> Run:
    """The newest backup is two days old, the last drill 40 days, and there are no copies."""
    (job.folder / "copy").mkdir()
    for days in (2, 3, 4, 40):
        put_backup(job, days, database="app.db")
    return job.run("monitor", BACKUP_COPY_STORE="copy", **DAILY)


def a_monitor_run_on_unverified_backups(job: Job) -> Run:
    for days in (2, 3):
        put_backup(job, days, database="app.db", verified=None)
    return job.run("monitor", BACKUP_SCHEDULES="off")


def a_monitor_run_on_a_bad_backup(job: Job) -> Run:
    put_backup(job, 2, database="app.db", verified=False)
    return job.run("monitor", BACKUP_SCHEDULES="off")


def a_monitor_run_on_an_unsealed_verdict(job: Job) -> Run:
    name = put_backup(job, 0.5, database="app.db", verified=None, verdict_seal=1)
    open_store(str(job.store)).create(name.verdict(utc_now()), b'{"ok": true}', {})
    return job.run("monitor", BACKUP_SCHEDULES="off")


def a_monitor_run_on_a_backup_from_the_future(job: Job) -> Run:
    put_backup(job, -2, database="app.db")
    return job.run("monitor", BACKUP_SCHEDULES="off")


def a_monitor_run_on_a_shrunken_database(job: Job) -> Run:
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


def a_monitor_run_without_a_key(job: Job) -> Run:
    job.run("backup", "--kind=daily", "--verify", **DAILY)
    job.run("verify", "--drill", "--now")
    return job.run("monitor", BACKUP_KEY="file:lost.key", **DAILY)


def a_monitor_run_on_an_unwritable_copy_store(job: Job) -> Run:
    job.run("backup", "--kind=daily", "--verify", **DAILY)
    (job.folder / "copy").write_bytes(b"no folder")
    return job.run("monitor", BACKUP_COPY_STORE="copy", **DAILY)


def a_monitor_run_on_a_broken_store(job: Job) -> Run:
    job.store.write_bytes(b"no folder")
    return job.run("monitor", **DAILY)


def a_monitor_run_on_native_backups_without_points(job: Job) -> Run:
    """Native backups are on, but an hour later by the node's clock there is no point."""
    (job.folder / "node").mkdir()
    make_database(job.folder / "node" / NAME)
    with Server(job.folder / "node", plain=True) as server:
        server.native.after_write = lambda database: None  # type: ignore[method-assign]
        server.faults.error("LIST BACKUPS DATABASE", 10005, "No backups found.", times=None)
        native_backups.enable(address_of(server), NAME)
        server.clock.advance(3600)
        return job.run("monitor", DATABASE_URL=server.url(database=NAME), BACKUP_SCHEDULES="off")


def a_drill(job: Job) -> Run:
    job.run("backup", "--kind=daily", "--verify")
    return job.run("verify", "--drill", "--now")


def a_drill_on_a_damaged_backup(job: Job) -> Run:
    job.run("backup", "--kind=daily")
    for path in job.store.rglob("*.enc"):
        damage(job, path.name)
    return job.run("verify", "--drill", "--now")
