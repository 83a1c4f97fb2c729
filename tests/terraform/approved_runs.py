"""Runs under a policy. Their log lines say what was approved and by whom, and fire alerts."""

import json
from dataclasses import replace

from shared.keys.signing import open_signer
from tests.approvals.people import person, signed
from tests.jobs.runs import Job, Run


def under_a_policy(job: Job) -> Job:
    """Returns the job under a policy with Ana, Ben and an offline key, with a backup `one`."""
    names = ("ana", "ben", "offline")
    for name in names:
        assert job.run("litekeep", "keygen", "--signing", f"{name}.key").code == 0
    signers = {name: open_signer(f"file:{job.folder / name}.key") for name in names}
    content = {
        "environment": "staging",
        "people": [person(name, signers[name]) for name in ("ana", "ben")],
        "break_glass": {"keys": [signers["offline"].public.pem]},
        "stores": [str(job.store)],
        "keys": ["file:litekeep.key"],
        "sources": [str(job.database)],
        "targets": [str(job.database), str(job.folder / "new.db")],
    }
    (job.folder / "policy.json").write_bytes(signed(content, [signers["ana"], signers["ben"]]))
    strict = replace(job, environment=job.environment | {"BACKUP_POLICY": "policy.json", "ENVIRONMENT": "staging"})
    assert strict.run("backup", "--name=one").code == 0
    return strict


def an_approval(job: Job, by: str) -> tuple[str, Run]:
    """Ana requests a restore, and `by` approves it. Returns the request's id and the run of the approval."""
    requested = job.run(
        "litekeep",
        "request",
        "restore",
        "--backup=one",
        "--to=new.db",
        "--reason=lost",
        "--json",
        BACKUP_SIGNING_KEY="file:ana.key",
    )
    assert requested.code == 0, requested.err
    request = str(json.loads(requested.out)["id"])
    return request, job.run("litekeep", "approve", request, "--yes", BACKUP_SIGNING_KEY=f"file:{by}.key")


def an_approval_by_a_second_person(job: Job) -> Run:
    return an_approval(under_a_policy(job), "ben")[1]


def an_approval_by_an_offline_key(job: Job) -> Run:
    return an_approval(under_a_policy(job), "offline")[1]


def a_restore_that_an_offline_key_approved(job: Job) -> Run:
    strict = under_a_policy(job)
    request, _ = an_approval(strict, "offline")
    return strict.run("restore", f"--request={request}")
