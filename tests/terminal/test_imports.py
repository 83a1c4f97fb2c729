"""Commands import only what they need: imports once took a fifth of a second of every call."""

import subprocess
import sys

import pytest

from shared.operations.verify.child import INSIDE
from tests.cli.conftest import Workplace, sample, workplace  # noqa: F401 - fixtures

HEAVY = ("asyncio", "ssl", "tink", "cryptography", "google.api_core", "sqlitecloud", "apprise", "multiprocessing")
MORE = "shared.terminal.more_flags"  # of commands that are not jobs
PROGRAM = """
import sys
from litekeep.app import litekeep
litekeep({arguments}, standalone_mode=False)
print([name for name in {heavy} if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], (*HEAVY, "pydantic", "rich", "apsw", "shared.settings", "pathlib")),
        (["backup", "--help"], (*HEAVY, "pydantic", "rich", "apsw", "shared.settings")),
        (["list", "--json"], (*HEAVY, "apsw", "rich")),
        (["timeline", "--json"], (*HEAVY, "rich")),
        (["cleanup", "--dry-run", "--json"], (*HEAVY, "rich")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_command_imports_no_heavy_module_it_does_not_need(
    workplace: Workplace,  # noqa: F811 - the fixture
    arguments: list[str],
    heavy: tuple[str, ...],
) -> None:
    assert _imported(workplace, arguments, heavy) == "[]"


@pytest.mark.parametrize(
    ("arguments", "apart"),
    [
        (["list"], (*HEAVY, "apsw", "shared.operations", "rich")),
        (["backup"], ("cryptography", "shared.operations.continuous", "shared.operations.restore", "rich", MORE)),
        (["verify"], ("cryptography", "shared.operations.backup", "shared.operations.restore", "rich")),
        (
            ["restore", "--backup", "latest", "--to", "new.db"],
            ("cryptography", "shared.operations.backup", "shared.approvals.documents", "rich"),
        ),
    ],
    ids=lambda value: value[0],
)
def test_an_operation_imports_nothing_of_the_others(
    workplace: Workplace,  # noqa: F811 - the fixture
    arguments: list[str],
    apart: tuple[str, ...],
) -> None:
    workplace.good("backup")
    assert _imported(workplace, arguments, apart) == "[]"


@pytest.mark.parametrize("job", ["jobs.verify.main", "jobs.restore.main"])
def test_a_proof_imports_nothing_that_only_its_confined_process_runs(job: str) -> None:
    apart = ("shared.monitor.observe", "shared.operations.erasure.inside", "shared.operations.verify.inside")
    program = f"import sys, {job}; print([name for name in {apart} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_confined_process_starts_without_what_it_does_not_need() -> None:
    apart = (*HEAVY, "pydantic", "shared.settings")
    program = f"import sys, {INSIDE}; print([name for name in {apart} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def _imported(place: Workplace, arguments: list[str], heavy: tuple[str, ...]) -> str:
    """Runs a command and returns which of `heavy` it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=arguments, heavy=heavy)],
        env=place.environment,
        cwd=place.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]
