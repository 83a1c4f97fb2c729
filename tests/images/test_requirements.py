"""A job's image installs exactly what the job's code imports, in the tested versions."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.images.dockerfile import ROOT, TARGETS

FOLDER = ROOT / "requirements" / "jobs"
_NAMED = re.compile(r"shared(\.\w+)+(:\w+)?")  # a module or function named in a text, for the confined process
# Module -> distribution. Google's distributions share a name space.
DISTRIBUTIONS = {
    "apsw": "apsw",
    "click": "click",
    "cryptography": "cryptography",
    "cloudevents": "cloudevents",
    "cronsim": "cronsim",
    "flask": "flask",
    "functions_framework": "functions-framework",
    "google.cloud.kms_v1": "google-cloud-kms",
    "google.cloud.logging_v2": "google-cloud-logging",
    "google.cloud.storage": "google-cloud-storage",
    "google_crc32c": "google-crc32c",
    "gunicorn": "gunicorn",
    "isal": "isal",
    "itsdangerous": "itsdangerous",
    "jwt": "pyjwt",
    "markupsafe": "markupsafe",
    "pydantic": "pydantic",
    "dotenv": "python-dotenv",
    "rich": "rich",
    "sqlitecloud": "sqlitecloud",
    "stamina": "stamina",
    "tink": "tink",
    "werkzeug": "werkzeug",
    "zstandard": "zstandard",
}
# Modules that these distributions bring along and that the code uses, for example in except clauses.
ALONG = {
    "google",
    "google.api",
    "google.api_core",
    "google.logging",
    "google.auth",
    "google.cloud",
    "google.protobuf",
    "grpc",
    "requests",
    "urllib3",
}
# Left out, because the job never runs the code that imports them: cleanup has no key and decrypts nothing; on Cloud Run
# stdout is the log, and only the monitor also writes checkpoints through the API.
LOGGING = "google-cloud-logging"
NEVER = {target: {LOGGING} for target in TARGETS if target != "monitor"}
NEVER["cleanup"] = {"tink", "google-cloud-kms", LOGGING}


@cache
def imports_of(module: str) -> frozenset[str]:
    """Returns all modules that `module` imports anywhere, except under TYPE_CHECKING.

    A text that names a module or function of `shared` counts too, because the confined process imports it.
    """
    tree = ast.parse(file_of(module).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAMED.fullmatch(node.value):
            found.add(node.value.partition(":")[0])
    return frozenset(found)


def file_of(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def reached(target: str) -> set[str]:
    """Returns all modules that a target's entry point imports, directly or indirectly."""
    todo = [
        {"verify-on-arrival": "jobs.verify.arrival", "console": "console.__main__"}.get(
            target, f"jobs.{target}.__main__"
        )
    ]
    seen: set[str] = set()
    while todo:
        module = todo.pop()
        if module in seen:
            continue
        seen.add(module)
        if module.split(".")[0] in {"console", "jobs", "shared"} and file_of(module).exists():
            todo += imports_of(module)
            todo += [".".join(module.split(".")[:count]) for count in range(1, module.count(".") + 1)]
    return seen


def needed(target: str) -> set[str]:
    modules = reached(target)
    found = {
        distribution
        for name, distribution in DISTRIBUTIONS.items()
        if any(module == name or module.startswith(f"{name}.") for module in modules)
    }
    return found - NEVER.get(target, set())


def wanted(file: Path) -> set[str]:
    found: set[str] = set()
    for line in file.read_text().splitlines():
        if line.startswith("-r "):
            found |= wanted(file.with_name(line.removeprefix("-r ")))
        elif line and not line.startswith("#"):
            found.add(line)
    return found


def pinned(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", file.read_text(), re.MULTILINE))


@pytest.mark.parametrize("target", TARGETS)
def test_requirements_match_the_imports(target: str) -> None:
    assert wanted(FOLDER / f"{target}.in") == needed(target)


@pytest.mark.parametrize("target", TARGETS)
def test_every_import_is_known(target: str) -> None:
    import sys  # noqa: PLC0415 - the names of the standard library

    known = {*DISTRIBUTIONS, *ALONG, *sys.stdlib_module_names, "console", "jobs", "shared", "_typeshed"}
    for module in reached(target):
        parts = module.split(".")
        assert {".".join(parts[:count]) for count in range(1, len(parts) + 1)} & known, module


@pytest.mark.parametrize("target", [*TARGETS, "build"])
def test_lock_pins_the_tested_versions_with_hashes(target: str) -> None:
    lock = FOLDER / f"{target}.lock"
    versions, tested = pinned(lock), pinned(ROOT / "requirements" / "run.lock")
    assert versions
    if target != "verify-on-arrival":
        assert versions.items() <= tested.items()
    else:
        assert {name: version for name, version in versions.items() if name in tested}.items() <= tested.items()
    entries = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)


@pytest.mark.parametrize("target", TARGETS)
def test_lock_covers_all_requirements(target: str) -> None:
    assert wanted(FOLDER / f"{target}.in") <= set(pinned(FOLDER / f"{target}.lock"))


def test_console_imports_no_job_and_no_command() -> None:
    assert not {module for module in reached("console") if module.split(".")[0] in ("jobs", "litekeep")}


def test_cleanup_image_cannot_read_backups() -> None:
    assert not {"apsw", "tink", "google-cloud-kms", "sqlitecloud", "zstandard"} & set(pinned(FOLDER / "cleanup.lock"))
