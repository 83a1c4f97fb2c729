"""How many backups slots, retries, duplicate starts and manual starts make."""

import json

import pytest

from shared.clock import utc_now
from shared.model.kinds import Kind
from shared.model.lock_names import Slot, parse_claim
from shared.model.schedules import Schedule
from tests.jobs.runs import Job

# Far from a slot's edge at any time of the test: the slot began in the past, the next one is years away.
RARE_CRON = "0 0 29 2 *"
RARE = {"BACKUP_SCHEDULES": f"daily={RARE_CRON}"}


def test_duplicate_start_makes_no_second_backup(job: Job) -> None:
    first = job.run("backup", "--kind=daily", **RARE)
    second = job.of("litekeep-backup-daily-dupl1").run("backup", "--kind=daily", **RARE)
    assert (first.code, second.code) == (0, 0)
    assert first.events == ["backup.succeeded"]
    assert second.events == ["backup.skipped"]
    assert second.line("backup.skipped")["reason"] == "slot taken"
    assert len(job.manifests()) == 1


def test_two_concurrent_starts_make_one_backup(job: Job) -> None:
    with (
        job.of("one").start("backup", "--kind=daily", **RARE) as one,
        job.of("two").start("backup", "--kind=daily", **RARE) as two,
    ):
        for process in (one, two):
            process.communicate(timeout=60)
    assert (one.returncode, two.returncode) == (0, 0)
    assert len(job.manifests()) == 1


def test_retry_after_a_backup_makes_no_second_one(job: Job) -> None:
    """The copy failed, so the task failed; its backup exists."""
    (job.folder / "no-folder").write_bytes(b"")
    first = job.run("backup", "--kind=daily", BACKUP_COPY_STORE="no-folder", **RARE)
    assert first.events == ["backup.failed"]
    assert job.of(job.execution, attempt=1).run("backup", "--kind=daily", **RARE).events == ["backup.skipped"]
    assert len(job.manifests()) == 1


def test_retry_after_a_failure_makes_the_backup(job: Job) -> None:
    assert job.run("backup", "--kind=daily", DATABASE_URL="gone.db", **RARE).events == ["backup.failed"]
    assert job.of(job.execution, attempt=1).run("backup", "--kind=daily", **RARE).events == ["backup.succeeded"]


def test_retry_of_a_killed_attempt_makes_the_backup(job: Job) -> None:
    """A process killed for lack of memory leaves only its claim."""
    name = job.database.name
    claim = Slot(Kind.DAILY, name, Schedule(Kind.DAILY, RARE_CRON).slot_at(utc_now())).claim(1)
    path = job.store / claim
    path.parent.mkdir(parents=True)
    terms = {"owner": f"{job.execution}/0", "attempt": 0, "expires_at": "9999-01-01T00:00:00Z", "over": False}
    path.write_text(json.dumps(terms))
    assert parse_claim(claim)
    assert job.of("another").run("backup", "--kind=daily", **RARE).events == ["backup.skipped"]
    assert job.of(job.execution, attempt=1).run("backup", "--kind=daily", **RARE).events == ["backup.succeeded"]


@pytest.mark.parametrize("arguments", [["--kind=on-demand"], ["--name=milestone-1"], ["--kind=daily", "--name=x"]])
def test_unscheduled_backup_is_always_taken(job: Job, arguments: list[str]) -> None:
    job.run("backup", "--kind=daily", **RARE)
    assert job.of("by-hand").run("backup", *arguments, **RARE).events == ["backup.succeeded"]


def test_every_backup_is_taken_outside_cloud_run(job: Job) -> None:
    for _ in range(2):
        assert job.run("backup", "--kind=daily", CLOUD_RUN_EXECUTION="", **RARE).events == ["backup.succeeded"]
    assert len(job.manifests()) == 2
    assert not (job.store / "locks").exists()


def test_failed_slot_claim_is_a_failed_backup(job: Job) -> None:
    job.store.write_bytes(b"no folder")
    run = job.run("backup", "--kind=daily")
    assert run.code == 1
    assert run.events == ["backup.failed"]
    assert len([line for line in run.lines if line["event"] == "backup.failed"]) == 1


def test_taken_slot_is_reported_in_json(job: Job) -> None:
    job.run("backup", "--kind=daily", **RARE)
    again = job.of("again").run("backup", "--kind=daily", "--json", **RARE)
    assert json.loads(again.out) == {"skipped": "slot taken"}


def test_retry_completes_a_failed_copy(job: Job) -> None:
    copies = job.folder / "copies"
    copies.write_bytes(b"")  # not a folder, so the copy fails
    assert job.run("backup", "--kind=daily", BACKUP_COPY_STORE="copies", **RARE).code == 1
    still = job.of(job.execution, attempt=1).run("backup", "--kind=daily", BACKUP_COPY_STORE="copies", **RARE)
    assert still.code == 1, "no run without its copy is a success"
    copies.unlink()
    done = job.of(job.execution, attempt=2).run("backup", "--kind=daily", BACKUP_COPY_STORE="copies", **RARE)
    assert done.code == 0
    assert done.events == ["backup.skipped"], "nothing is left to take"
    assert sorted(path.name for path in copies.rglob("*.manifest.json")) == job.manifests()


def test_retry_ignores_backup_with_missing_artifact(job: Job) -> None:
    job.run("backup", "--kind=daily", **RARE)
    for artifact in job.store.rglob("*.sql.gz.enc"):
        artifact.unlink()
    assert job.of(job.execution, attempt=1).run("backup", "--kind=daily", **RARE).events == ["backup.succeeded"]
    assert len(job.manifests()) == 2


def test_retry_ignores_backup_that_failed_verification(job: Job) -> None:
    job.run("backup", "--kind=daily", **RARE)
    (artifact,) = job.store.rglob("*.sql.gz.enc")
    content = bytearray(artifact.read_bytes())
    content[len(content) // 2] ^= 1
    artifact.chmod(0o600)
    artifact.write_bytes(content)
    assert job.run("verify", "--backup=latest").code == 3
    assert job.of(job.execution, attempt=1).run("backup", "--kind=daily", **RARE).events == ["backup.succeeded"]
    assert len(job.manifests()) == 2
