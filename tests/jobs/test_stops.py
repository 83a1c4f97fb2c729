"""After SIGTERM from Cloud Run, the run is reported as failed and leaves no partial files."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from litekeep.sample import make_sample
from tests.jobs.runs import ROOT, Job, Run, finish


@pytest.fixture
def larger(job: Job) -> Job:
    """A database large enough to be interrupted in the middle."""
    job.database.unlink()
    make_sample(job.database, scale=2)
    return job


def files(folder: Path) -> list[str]:
    """Returns the files below a folder without the audit trail, even while it changes."""
    return [name for place, _, names in os.walk(folder) if "audit" not in Path(place).parts for name in names]


def stopped(process: "subprocess.Popen[str]", reached: Callable[[], bool]) -> Run:
    """Waits until `reached` is true, and sends SIGTERM."""
    while not reached():
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGTERM)
    with process:
        run = finish(process)
    assert run.code == 1
    return run


def test_interrupted_backup_job_reports_failure_and_stores_no_backup(larger: Job) -> None:
    started = larger.start("backup", "--kind=daily", interrupt=True)
    run = stopped(started, lambda: "snapshot.sqlite" in files(larger.folder / "tmp"))
    assert run.events == ["backup.failed"]
    assert "interrupted" in run.line("backup.failed")["message"]
    assert run.line("audit")["outcome"] == "failed"
    assert larger.manifests() == []
    assert files(larger.folder / "tmp") == []


def test_next_run_takes_the_slot_of_an_interrupted_one(larger: Job) -> None:
    started = larger.start("backup", "--kind=daily", interrupt=True)
    stopped(started, lambda: "snapshot.sqlite" in files(larger.folder / "tmp"))
    assert larger.of("another").run("backup", "--kind=daily").events == ["backup.succeeded"]


def test_interrupted_verify_job_reports_failure_and_stores_no_verdict(larger: Job) -> None:
    larger.run("backup", "--name=one")
    started = larger.start("verify", "--backup=one", interrupt=True)
    run = stopped(started, lambda: "sql.sqlite" in files(larger.folder / "tmp"))
    assert run.events == ["verify.failed"]
    assert run.line("verify.failed")["backup_id"] == "one"
    assert [name for name in files(larger.store) if "verified" in name] == []


def test_interrupted_restore_job_reports_failure_and_leaves_no_target(larger: Job) -> None:
    larger.run("backup", "--name=one", "--format=sql")
    started = larger.start("restore", "--backup=one", "--to=new.db", "--verify", interrupt=True)
    run = stopped(started, lambda: any(name.endswith("sql.sqlite") for name in files(larger.folder)))
    assert run.events == ["restore.started", "restore.failed"]
    assert not (larger.folder / "new.db").exists()


@pytest.mark.parametrize("reached", ["restored.sqlite", "sql.sqlite"])
def test_interrupted_drill_reports_failure_and_leaves_no_files(larger: Job, reached: str) -> None:
    larger.run("backup", "--name=one", "--verify", *(["--format=sql"] if reached == "sql.sqlite" else []))
    before = sorted(files(larger.store))
    started = larger.start("verify", "--drill", "--now", interrupt=True)
    run = stopped(started, lambda: _is_written_to(larger.folder / "tmp", reached))
    assert run.events == ["drill.failed"]
    failed, audit = run.line("drill.failed"), run.line("audit")
    assert (failed["database"], failed["severity"]) == ("app.db", "ERROR")
    assert "interrupted" in failed["message"]
    assert (audit["action"], audit["database"], audit["outcome"]) == ("drill", "app.db", "failed")
    assert files(larger.folder / "tmp") == []
    assert sorted(files(larger.store)) == before


def test_drill_interrupted_in_an_application_check_reports_failure(job: Job) -> None:
    job.run("backup", "--name=one", "--verify")
    forever = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    (job.folder / "checks.sql").write_text(f"-- name: without end\n-- expect: 0\n{forever}\n")
    started = job.start("verify", "--drill", "--now", BACKUP_DRILL_SQL="checks.sql", interrupt=True)
    run = stopped(started, lambda: _is_asking(job))
    assert run.events == ["drill.failed"]
    assert files(job.folder / "tmp") == []


def _is_written_to(folder: Path, name: str) -> bool:
    for place, _, names in os.walk(folder):
        if name in names:
            with suppress(FileNotFoundError):
                return Path(place, name).stat().st_size > 0
    return False


def _is_asking(job: Job) -> bool:
    """Returns whether the restored database is older than two seconds: its checks are over, and the query runs."""
    for folder, _, names in os.walk(job.folder / "tmp"):  # unlike rglob, os.walk tolerates changes
        if "restored.sqlite" in names:
            with suppress(FileNotFoundError):
                return time.time() - Path(folder, "restored.sqlite").stat().st_mtime > 2
    return False


SLOW = """
import sys, time
from threading import Thread
import click
from shared.terminal.endings import reported
from shared.terminal.run import run
from shared.terminal import endings

endings.GRACE_SECONDS = 0.2

@click.command()
def slow():
    with reported(lambda why: print("FAILED", why, flush=True)):
        print("ready", flush=True)
        {body}

run(slow)
"""
LONG_QUERY = """
        import apsw
        query = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
        list(apsw.Connection(":memory:").execute(query))
"""
SLOW_TO_CLEAR_UP = """
        try:
            time.sleep(60)
        finally:
            time.sleep(60)
"""
A_THREAD_AT_WORK = """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(1) as pool:
            pool.submit(time.sleep, 60).result()
"""


@pytest.mark.parametrize("body", [LONG_QUERY, SLOW_TO_CLEAR_UP, A_THREAD_AT_WORK])
def test_run_that_does_not_stop_in_time_is_reported_and_killed(body: str) -> None:
    """During one long query, while cleaning up, or while waiting for a thread."""
    program = SLOW.format(body=textwrap.dedent(body).replace("\n", "\n        "))
    with subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
    assert process.returncode == 1
    assert out.count("FAILED") == 1
    assert "interrupted" in out


def test_defect_is_reported_without_its_text() -> None:
    program = SLOW.format(body="raise ValueError('apikey=hunter2')")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "FAILED unexpected ValueError" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
