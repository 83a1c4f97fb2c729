"""Makes random changes to the modules of a few areas, one at a time, and runs the tests that reach the changed line.

Prints the surviving changes, which no test noticed; docs/testing.md explains them. Works on a copy of the clone.
The same tests must first pass without any change, otherwise a failure would mean nothing. A change whose tests exceed
the time limit is counted separately: it may never end, or the machine may be slow.
`make mutants`, or `python -m tests.mutants COUNT SEED PLACE`, where PLACE is a part of a module's path.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from itertools import accumulate
from pathlib import Path

from tests.mutants.changes import Change, changes

ROOT = Path(__file__).parents[2]
_SECONDS = 240  # for the tests of one change
_OUTCOMES = _NOTICED, _SURVIVED, _TIMED_OUT = "noticed", "SURVIVED", "timed out"
_REACHING_SECONDS = 30  # total time of the tests of one line, the quickest first
_TRACEABLE = "not ctrl_c"  # a signal inside the trace function would end the tracing instead of the test's code
_RETENTION = ("tests/retention/test_rules.py", "tests/retention/test_never.py", "tests/retention/cleanup")
_CATALOG = (
    *(
        "tests/monitor",
        "tests/retention/cleanup",
        "tests/operations/drill",
        "tests/continuous",
        "tests/operations/backup",
    ),
    *("tests/operations/rekey", "tests/jobs/test_slots.py", "tests/approvals"),
)
_FOLDER = ("tests/stores/test_folder_store.py", "tests/stores/test_folder_lock.py", "tests/stores/test_folder_many.py")
_BUCKET = ("tests/stores/test_gcs_store.py", "tests/stores/test_gcs_malformed.py", "tests/stores/test_gcs_many.py")
_KEYS = ("tests/keys/test_keyfile.py", "tests/keys/test_signing.py")
# modules or folders -> (the tests that run them in this process, the tests that run them in other processes)
TESTS = {
    "shared/retention/": (_RETENTION, ["tests/cli/test_copy_and_removal.py"]),
    "shared/catalog/": (_CATALOG, ["tests/cli/test_hostile_places.py", "tests/cli/test_seals_of_verdicts.py"]),
    "shared/keys/keyfile.py": (_KEYS, ["tests/cli/test_power_cuts.py"]),
    "shared/keys/private_file.py": (_KEYS, ["tests/cli/test_power_cuts.py", "tests/cli/test_planted_files.py"]),
    "shared/operations/backup/publish.py": (
        ("tests/operations/backup", "tests/operations/drill/test_drill.py"),
        ["tests/cli/test_power_cuts.py", "tests/cli/test_interruptions.py", "tests/cli/test_copy_and_removal.py"],
    ),
    "shared/sqlite/publish.py": (("tests/sqlite/test_publish.py",), ["tests/cli/test_power_cuts.py"]),
    "shared/runtime/files.py": (
        ("tests/runtime/test_files.py", "tests/sqlite/test_publish.py", "tests/keys/test_keyfile.py"),
        ["tests/cli/test_power_cuts.py", "tests/cli/test_how_far.py"],
    ),
    "shared/archive/": (("tests/archive",), ["tests/operations/rekey/test_attacks.py"]),
    "shared/approvals/": (("tests/approvals",), []),
    "shared/operations/erasure/": (("tests/operations/erasure",), ["tests/cli/test_erase.py"]),
    "shared/operations/rekey/": (("tests/operations/rekey",), ["tests/cli/test_erase.py"]),
    "shared/runtime/workspace.py": (("tests/runtime/test_workspace.py",), []),
    "shared/stores/folder.py": (_FOLDER, []),
    "shared/stores/folder_many.py": (_FOLDER, []),
    "shared/stores/folder_tree.py": (_FOLDER, []),
    "shared/stores/gcs.py": (_BUCKET, []),
    "shared/stores/gcs_many.py": (_BUCKET, []),
    "shared/stores/gcs_reader.py": (_BUCKET, []),
    "shared/stores/numbered.py": (
        ("tests/retention/cleanup/test_lease.py", "tests/jobs/test_slots.py"),
        ["tests/continuous/test_loop.py"],
    ),
    "shared/runtime/disk.py": (("tests/runtime", "tests/dump/test_guard.py"), ["tests/cli/test_endless_sql.py"]),
}


def main(count: int = 60, seed: int = 1, only: str = "") -> int:
    """Runs a sample of `count` changes. Returns how many survived."""
    places = [place for place in TESTS if only in place]
    choice = [
        (module, change, place)
        for place in places
        for module in ([ROOT / place] if place.endswith(".py") else sorted((ROOT / place).glob("*.py")))
        for change in changes(module.read_text())
    ]
    chance = random.Random(seed)
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "clone"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv*", ".git", "__pycache__", "node_modules"))
        reached = _reached(copy, places)
        _check_unchanged(copy, places)
        sample = chance.sample(choice, min(count, len(choice)))
        for number, (module, change, place) in enumerate(sample, start=1):
            name = module.relative_to(ROOT)
            chosen = _quickest(_reaching(reached, copy / name, change.line))
            outcome = _outcome(copy / name, change, [chosen, *([test] for test in TESTS[place][1])], copy)
            found[outcome] += 1
            what = f"{name}:{change.line}: {change.old!r} -> {change.new!r}"
            print(f"{number:3} {outcome:9} {what}", flush=True)
    print(", ".join(f"{found[outcome]} {outcome}" for outcome in _OUTCOMES), f"(seed {seed})")
    return found[_SURVIVED]


def _reached(copy: Path, places: list[str]) -> dict[str, dict[str, float]]:
    """Returns for each line of these places the tests that reach it, with the seconds that each takes."""
    report = copy / "reached.json"
    environment = os.environ | {
        "MUTANTS_PLACES": os.pathsep.join(str(copy / place) for place in places),
        "MUTANTS_REACH": str(report),
    }
    tests = sorted({test for place in places for test in TESTS[place][0]})
    if _pytest(copy, ["-p", "tests.mutants.reach", "-k", _TRACEABLE, *tests], environment, seconds=3600):
        sys.exit("the tests fail without any change, at least with tracing: fix them first")
    found: dict[str, dict[str, float]] = json.loads(report.read_text())
    return found


def _reaching(reached: dict[str, dict[str, float]], module: Path, line: int) -> dict[str, float]:
    """Returns the tests that reach the line, or for a line that only runs on import, those that reach the module."""
    return reached.get(f"{module}:{line}") or {
        test: took for place, tests in reached.items() if place.startswith(f"{module}:") for test, took in tests.items()
    }


def _quickest(tests: dict[str, float]) -> list[str]:
    ordered = sorted(tests, key=lambda test: tests[test])
    ends = accumulate(tests[test] for test in ordered)
    return [
        test
        for number, (test, end) in enumerate(zip(ordered, ends, strict=True))
        if number == 0 or end <= _REACHING_SECONDS
    ]


def _check_unchanged(copy: Path, places: list[str]) -> None:
    for test in sorted({test for place in places for test in TESTS[place][1]}):
        if _pytest(copy, [test], os.environ, _SECONDS):
            sys.exit(f"{test} fails without any change: fix it first")


def _outcome(module: Path, change: Change, groups: list[list[str]], copy: Path) -> str:
    original = module.read_text()
    module.write_text(change.applied(original))
    try:
        failed = any(_pytest(copy, ["-x", *tests], os.environ, _SECONDS) for tests in groups if tests)
    except subprocess.TimeoutExpired:
        return _TIMED_OUT
    finally:
        module.write_text(original)
    return _NOTICED if failed else _SURVIVED


def _pytest(copy: Path, arguments: list[str], environment: "os._Environ[str] | dict[str, str]", seconds: int) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, timeout=seconds, check=False
    ).returncode


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]), *sys.argv[3:4])
