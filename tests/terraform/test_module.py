"""The configuration as a module, used twice in one project: names differ, and all resources are in the project."""

import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.servers.terraform_provider.prepare import SCHEMA
from tests.terraform.workbench import Workbench, make_workbench

ROOT = """
terraform {
  required_providers {
    google = { source = "hashicorp/google" }
  }
}

variable "images" { type = map(string) }

module "shop" {
  source        = "../terraform"
  project_id    = "acme-prod"
  region        = "europe-west1"
  databases     = ["shop"]
  notifications = { emails = ["oncall@acme.example"] }
  images        = var.images
  name_prefix   = "shop"
  console       = { policy_secret = "shop-policy", viewers = ["group:oncall@acme.example"] }
}

module "blog" {
  source        = "../terraform"
  project_id    = "acme-prod"
  region        = "europe-west1"
  databases     = ["blog"]
  notifications = { emails = ["oncall@acme.example"] }
  images        = var.images
  name_prefix   = "blog"
  console       = { policy_secret = "blog-policy", viewers = ["group:oncall@acme.example"] }
  audit         = { data_access = false } # a setting of the project, which the other has
}

output "next" { value = module.shop.next_steps }
"""
NAMES = ("name", "display_name", "account_id", "secret_id", "repository_id", "bucket_id", "role_id", "title")
# Resources inside a ring with its own name, or of the project as a whole.
INSIDE = {"google_kms_crypto_key", "google_project_service", "google_project_iam_audit_config"}


@pytest.fixture(scope="module")
def resources(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The planned resources of a root module that calls the module twice."""
    folder = tmp_path_factory.mktemp("caller")
    providers = Path(workbench.environment["TF_CLI_CONFIG_FILE"]).parent
    bench = make_workbench(folder, providers)
    caller = Workbench(folder / "caller", bench.environment | {"STAND_IN_ACTS": "1"})
    caller.folder.mkdir()
    (caller.folder / "main.tf").write_text(ROOT)
    image = "europe-west1-docker.pkg.dev/acme-prod/x/{}@sha256:" + "a" * 64
    images = {name: image.format(name) for name in ("backup", "cleanup", "console", "monitor", "restore", "verify")}
    (caller.folder / "terraform.tfvars.json").write_text(json.dumps({"images": images}))
    for command in (["init", "-input=false"], ["plan", "-input=false", "-out=plan"]):
        done = caller.terraform(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(caller.terraform("show", "-json", "plan").stdout)
    return [change for change in shown["resource_changes"] if change["type"].startswith("google_")]


def test_every_resource_sets_its_project(resources: list[dict[str, Any]]) -> None:
    assert len(resources) > 150
    for change in resources:
        if "project" in schema(change["type"]):
            assert change["change"]["after"]["project"] == "acme-prod", change["address"]


def test_optional_console_is_planned_too(resources: list[dict[str, Any]]) -> None:
    """Without the console in the plan, the other tests would not check its project and names."""
    kinds = {change["type"] for change in resources}
    assert {"google_cloud_run_v2_service", "google_iap_web_cloud_run_service_iam_member"} <= kinds
    keys = [
        change["change"]["after"]["name"]
        for change in resources
        if change["name"] == "console" and change["type"] == "google_kms_crypto_key"
    ]
    assert sorted(keys) == ["blog-console", "shop-console"]


def test_two_installations_in_one_project_share_no_name(resources: list[dict[str, Any]]) -> None:
    names: dict[str, set[tuple[str, str]]] = {"module.shop": set(), "module.blog": set()}
    for change in resources:
        after = change["change"]["after"]
        if change["type"] in INSIDE or change["type"].endswith("_iam_member") or change["mode"] == "data":
            continue
        given = [after[name] for name in NAMES if after.get(name)]
        if change["type"] == "google_monitoring_dashboard":
            given.append(json.loads(after["dashboard_json"])["displayName"])
        assert given, change["address"]
        names[change["module_address"]] |= {(change["type"], name) for name in given}
    assert names["module.shop"] & names["module.blog"] == set()
    assert len(names["module.shop"]) == len(names["module.blog"]) > 60


@cache
def schemas() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lzma.decompress(SCHEMA.read_bytes()))["resource"]
    return found


def schema(kind: str) -> set[str]:
    """Returns the attributes of a resource that can be set."""
    return {attribute for attribute, about in schemas()[kind].get("a", {}).items() if "o" in about[0]}
