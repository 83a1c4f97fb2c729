"""The planned IAM conditions let each job create the objects that it writes, and no others."""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import lock_names, names, report_names, request_names, trail_names
from shared.model.kinds import Kind
from shared.model.lock_names import Slot, Unchanged
from shared.model.names import BackupName, Format
from shared.model.report_names import DrillName
from shared.model.trail_names import EventName
from shared.stores.probe import PROBE
from tests.jobs.conftest import job, sample  # noqa: F401 - fixtures
from tests.jobs.runs import Job
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Fault, Proxy, Refuse, Seen
from tests.servers.kms.fixture import URI, kms  # noqa: F401 - fixtures
from tests.servers.kms.server import KmsServer, Right
from tests.terraform.conditions import BadCondition, Holds, compile_condition, extract
from tests.terraform.workbench import Workbench

BUCKET = "acme-prod-litekeep"
EVERYONE = ("backup", "cleanup", "monitor", "restore", "verify")
NOW = datetime(2026, 1, 15, 3, 0, 5, 123, UTC)
DATABASES = ("orders", "näh/shop v2.db", "before-restore-", ".verified-1.json")
BACKUPS = [
    BackupName(kind, database, backup_id)
    for kind, database, backup_id in product(Kind, DATABASES, ("backup-2026-01-15-030005", "milestone-v1.5.0"))
]
SAFE = [BackupName(Kind.ON_DEMAND, database, "before-restore-2026-01-15-030005") for database in DATABASES]
REQUEST = "20260115T030005Z-k3v9q2mx"
DRILLS = [DrillName(database, NOW, passed) for database, passed in product(DATABASES, (True, False))]


@dataclass(frozen=True)
class Written:
    """Object names from a function of shared/model/*names.py; `by` are the jobs that write them, empty for people."""

    by: set[str]
    objects: list[str]


WRITTEN = {
    "BackupName.manifest": Written({"backup"}, [each.manifest for each in BACKUPS]),
    "BackupName.artifact": Written(
        {"backup"}, [each.artifact(form, encrypted=True) for each, form in product(BACKUPS, Format)]
    ),
    "BackupName.manifest of a safety backup": Written({"backup", "restore"}, [each.manifest for each in SAFE]),
    "BackupName.artifact of a safety backup": Written(
        {"backup", "restore"}, [each.artifact(form, encrypted=True) for each, form in product(SAFE, Format)]
    ),
    "BackupName.artifact in the clear": Written(
        set(), [each.artifact(form, encrypted=False) for each, form in product([*BACKUPS, *SAFE], Format)]
    ),
    "BackupName.verdict": Written({"verify"}, [each.verdict(NOW) for each in [*BACKUPS, *SAFE]]),
    "BackupName.hold": Written(set(), [each.hold for each in [*BACKUPS, *SAFE]]),
    "BackupName.rewrapping": Written(set(), [each.rewrapping(1) for each in [*BACKUPS, *SAFE]]),
    "Slot.claim": Written({"backup"}, [Slot(each.kind, each.database, NOW).claim(1) for each in BACKUPS]),
    "Unchanged.object": Written({"backup"}, [Unchanged(each, NOW).object for each in BACKUPS]),
    "DrillName.report": Written({"verify"}, [each.report for each in DRILLS]),
    "DrillName.page": Written({"verify"}, [each.page for each in DRILLS]),
    "DrillName.plot": Written({"verify"}, [each.plot for each in DRILLS]),
    "lease": Written({"cleanup"}, [lock_names.lease("cleanup", 1)]),
    "lease of another task": Written(set(), [lock_names.lease("backup", 1)]),
    "rules_record": Written({"cleanup"}, [lock_names.rules_record(NOW, applied=applied) for applied in (True, False)]),
    "cost_review": Written(set(), [report_names.cost_review(NOW)]),
    "erasure": Written(set(), [report_names.erasure(1)]),
    "erasure_key": Written(set(), [report_names.erasure_key(1)]),
    "retired": Written(set(), [lock_names.retired(database) for database in DATABASES]),
    "the use of a request": Written({"cleanup", "restore"}, [request_names.used_object(REQUEST)]),
    "the request": Written(set(), [request_names.request_object(REQUEST)]),
    "the decision": Written(
        set(), [request_names.decision_object(REQUEST, each, "ana@example.com") for each in ("approved", "refused")]
    ),
    "the policy": Written(set(), [request_names.policy_object("0" * 64)]),
    "the event of the audit trail": Written(
        {"backup", "cleanup", "restore", "verify"}, [EventName(NOW, "abcdefghijkm", 1).object]
    ),
    "the checkpoint": Written(
        {"monitor"}, [trail_names.checkpoint_object(1), trail_names.inventory_object(1, "abcdefghijkm")]
    ),
    "the probe": Written({"monitor"}, [PROBE]),
}
# Functions that return parts of names, prefixes for listings, or ids.
NO_OBJECTS = {
    "BackupName.prefix",
    "Slot.prefix",
    "automatic_id",
    "check_id",
    "claims_prefix",
    "drill_prefix",
    "encode_database",
    "kind_prefix",
    "lease_prefix",
    "loop_task",
    "marks_prefix",
}

Rights = dict[str, Callable[[str], bool]]


@pytest.fixture(scope="session")
def plan(workbench: Workbench) -> dict[str, Any]:
    return workbench.plan("access.tftest.hcl", "each_job_has_exactly_its_rights")


def grants(plan: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["change"]["after"] for each in plan["resource_changes"] if each["type"] == kind]


@pytest.fixture(scope="session")
def conditions(plan: dict[str, Any]) -> dict[str, list[Holds]]:
    """For each job, the conditions for creating objects in the primary store."""
    found: dict[str, list[Holds]] = {identity: [] for identity in EVERYONE}
    for grant in grants(plan, "google_storage_bucket_iam_member"):
        if grant["bucket"] == BUCKET and grant["role"] == "roles/storage.objectCreator":
            (condition,) = grant["condition"]
            found[_identity(grant["member"])].append(compile_condition(condition["expression"]))
    return found


@pytest.fixture(scope="session")
def may_create(conditions: dict[str, list[Holds]]) -> Rights:
    def of(identity: str) -> Callable[[str], bool]:
        return lambda name: any(holds(f"projects/_/buckets/{BUCKET}/objects/{name}") for holds in conditions[identity])

    return {identity: of(identity) for identity in EVERYONE}


def _identity(member: str) -> str:
    found = re.fullmatch(r"serviceAccount:litekeep-(\w+)@acme-prod\.iam\.gserviceaccount\.com", member)
    assert found, member
    return found[1]


@pytest.mark.parametrize("what", WRITTEN)
def test_only_the_writers_of_a_name_may_create_it(may_create: Rights, what: str) -> None:
    for name in WRITTEN[what].objects:
        assert {identity for identity in EVERYONE if may_create[identity](name)} == WRITTEN[what].by, name


def test_every_object_name_has_its_writers_listed() -> None:
    modules = (names, lock_names, report_names)
    body = [each for module in modules for each in ast.parse(Path(module.__file__).read_text()).body]
    classes = [each for each in body if isinstance(each, ast.ClassDef)]
    made = {each.name for each in body if _returns_text(each)}
    made |= {f"{owner.name}.{each.name}" for owner in classes for each in owner.body if _returns_text(each)}
    listed = {what.split()[0] for what in WRITTEN if not what.startswith("the ")} | NO_OBJECTS
    assert made == listed, "add the name and its writers to WRITTEN, and the right to terraform/storage_iam.tf"


def _returns_text(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
        return False
    return isinstance(node.returns, ast.Name) and node.returns.id == "str"


PARTS = [kind.value for kind in Kind] + [
    "orders",
    "locks",
    "drills",
    "audit",
    "requests",
    "slots",
    "unchanged",
    "a",
    "/",
]
PARTS += [
    ".manifest.json",
    ".hold.json",
    ".rekey-1.json",
    ".verified-20260115T030005000123Z.json",
    ".sql.gz",
    ".sqlite.zst",
    ".enc",
]
PARTS += [".verified-", ".json", "cleanup.", "000001", "20260115T0300Z.001", "20260115T030005000123Z", ".passed", "."]
ROLES: dict[str, set[str]] = {
    "backup": {"manifest", "sql", "sqlite"},
    "cleanup": set(),
    "monitor": set(),
    "restore": {"manifest", "sql", "sqlite"},
    "verify": {"verdict"},
}


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PARTS), min_size=3, max_size=8).map("".join))
def test_conditions_allow_no_other_trusted_name(may_create: Rights, name: str) -> None:
    for identity in EVERYONE:
        if not may_create[identity](name):
            continue
        parsed = names.parse(name)
        assert parsed is None or parsed.role in ROLES[identity], name
        assert report_names.parse_drill(name) is None or identity == "verify", name
        assert lock_names.parse_claim(name) is None or identity == "backup", name
        assert lock_names.parse_unchanged(name) is None or identity == "backup", name
        assert lock_names.parse_retired(name) is None, name


def test_monitor_creates_events_only_in_the_copy_store(plan: dict[str, Any]) -> None:
    event = EventName(NOW, "abcdefghijkm", 1).object
    found = set()
    for grant in grants(plan, "google_storage_bucket_iam_member"):
        if grant["role"] != "roles/storage.objectCreator" or _identity(grant["member"]) != "monitor":
            continue
        holds = compile_condition(grant["condition"][0]["expression"])
        if holds(f"projects/_/buckets/{grant['bucket']}/objects/{event}"):
            found.add(grant["bucket"])
    assert found == {f"{BUCKET}-copy"}


def test_no_identity_may_create_objects_in_another_bucket(conditions: dict[str, list[Holds]]) -> None:
    for written in WRITTEN.values():
        for name in written.objects:
            elsewhere = f"projects/_/buckets/acme-prod-other/objects/{name}"
            assert not any(holds(elsewhere) for own in conditions.values() for holds in own)


class Guard(Fault):
    """Refuses requests for which the job has no right, as Cloud Storage would."""

    def __init__(self, creates: Callable[[str], bool], *, deletes: bool) -> None:
        super().__init__(self._is_refused, times=10**9)
        self.creates = creates
        self.deletes = deletes
        self.created: list[str] = []

    def _is_refused(self, seen: Seen) -> bool:
        if seen.method == "DELETE":
            return not self.deletes
        if seen.method != "POST" or not seen.path.startswith("/upload/"):
            return False
        found = re.search(rb'"name":\s*("(?:[^"\\]|\\.)*")', seen.body)
        assert found, seen
        self.created.append(json.loads(found[1]))
        return not self.creates(self.created[-1])

    strike = Refuse(lambda _: True, 403).strike


@pytest.fixture
def in_cloud(job: Job, gcs: Proxy, bucket: str, kms: KmsServer) -> Job:  # noqa: F811
    cloud = {"STORAGE_EMULATOR_HOST": gcs.url, "LITEKEEP_KMS_ENDPOINT": kms.endpoint, "BACKUP_KEY": URI}
    return replace(job, environment=job.environment | cloud | {"BACKUP_STORE": f"gs://{bucket}"})


ARGUMENTS: list[tuple[str, list[str], str]] = [
    ("backup", ["--kind=daily"], "daily/app.db/"),
    ("backup", ["--name=milestone-v1"], "milestone/app.db/milestone-v1.manifest.json"),
    ("verify", ["--since=7d"], "daily/app.db/"),
    ("verify", ["--drill", "--now"], "drills/app.db/"),
    ("restore", ["--backup=latest-verified", "--in-place"], "on-demand/app.db/before-restore-"),
    ("cleanup", [], "locks/cleanup.000001.json"),
    ("monitor", [], "health/probe"),
]


def test_every_job_works_with_its_planned_rights(
    in_cloud: Job,
    gcs: Proxy,  # noqa: F811
    kms: KmsServer,  # noqa: F811
    plan: dict[str, Any],
    may_create: Rights,
) -> None:
    members = grants(plan, "google_kms_crypto_key_iam_member")
    uses = {
        "roles/cloudkms.cryptoKeyEncrypter": Right.ENCRYPT,
        "roles/cloudkms.cryptoKeyDecrypter": Right.DECRYPT,
        "roles/cloudkms.viewer": Right.LIST_VERSIONS,
    }
    for name, arguments, created in ARGUMENTS:
        kms.rights = {uses[each["role"]] for each in members if f"litekeep-{name}@" in each["member"]}
        guard = Guard(may_create[name], deletes=name == "cleanup")
        gcs.faults[:] = [guard]
        login = {} if name in ("backup", "restore") else {"DATABASE_URL": "", "BACKUP_DATABASES": "app.db"}
        at = {"ENVIRONMENT": "test", "BACKUP_SCHEDULES": "daily=0 0 * * *"}
        run = in_cloud.of(f"litekeep-{name}-x7kq2").run(name, *arguments, **at, **login)
        assert run.code == 0, (name, arguments, run.out, run.err)
        assert any(each.startswith(created) for each in guard.created), (name, guard.created)
        refused = [each for each in guard.created if not guard.creates(each)]
        assert refused == [], name


@pytest.mark.parametrize(
    ("template", "inside"),
    [
        # The examples of Google's attribute reference.
        ("/order_date={date}/", "2019-11-03"),
        ("buckets/{name}/", "acme-orders-aaa"),
        ("/orders/{empty}order_date", ""),
        ("{start}/objects/data_lake", "projects/_/buckets/acme-orders-aaa"),
        ("orders/{end}", "order_date=2019-11-03/aef87g87ae0876"),
        ("/orders/{none}/order_date=", ""),
    ],
)
def test_extract_follows_googles_documentation(template: str, inside: str) -> None:
    name = "projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876"
    assert extract(name, template) == inside


@pytest.mark.parametrize(
    "expression",
    [
        'resource.name.matches("x")',
        'resource.name.contains("x")',
        "resource.name",
        'resource.name.startsWith("x") resource.name.endsWith("y")',
        'resource.name.extract("x") != ""',
        'resource.type == "x"',
        " || ".join(['resource.name.endsWith("x")'] * 14),
    ],
)
def test_condition_outside_the_iam_language_is_refused(expression: str) -> None:
    with pytest.raises(BadCondition):
        compile_condition(expression)
