"""The final screen of each command on a terminal: the whole result, no progress bars, no log lines."""

import json
import re
import shutil
import sys
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import apsw
import pytest

from tests.cli.conftest import Workplace, clean_environment, sample, workplace  # noqa: F401 - fixtures
from tests.terminal.terminal import CTRL_C, Shown, on_terminal

SIZES = [(80, 24), (120, 40)]
# The first and the last line of each command's result.
GOOD = {
    "": ("✅ app.db: last backup", "litekeep --help"),
    "backup --name two": ("Backed up app.db", "Restore it:"),
    "backup --name three --verify": ("Backed up app.db", "Restore it:"),
    "list": ("", "verify check them"),
    "status --database app.db": ("app.db", ""),
    "verify --backup one": ("✓ one is good", "✓ data"),
    "verify --all --again": ("✓ one is good", "1 backup: 1 good"),
    "restore --backup one --to new.db": ("Restored one", "from "),
    "restore --backup one --to new.db --dry-run": ("Would restore one", "Nothing was written."),
    "export --backup one --output one.sql": ("Exported one", "Exported one"),
    "cleanup --dry-run": ("", "Would delete 0 of 1"),
    "health": ("", ""),
    "policy check": ("No policy file", "decide what a run may do"),
    "policy show": ("No policy file", "No policy file"),
    "import --file good.sql --to new.db": ("Imported good.sql", ""),
    "copy --to other": ("Copied 1 backup to", "to other"),
    "show one": ("one", "✓ data"),
    "release one": ("", "one"),
    "delete one --reason mistake --force": ("", "one"),
    "retire --database app.db --reason gone": ("Retired app.db", "when their retention ends"),
    "man": (".TH LITEKEEP 1", ".fi"),
    "man --install": ("Installed", "man litekeep"),
    "completion bash": ("_litekeep_completion", "_litekeep_completion_setup;"),
    "completion bash --install": ("Installed", "new shell"),
    "hold one --reason audit": ("", "one"),
    "diff one": ("From A one", "No difference in"),
    "rows restore --from one --table users --dry-run": ("Would restore rows", "Nothing was written."),
    "keygen new.key": ("Made new.key", "Use it:"),
    "keygen --signing ana.key": ("Made ana.key", "-----END PUBLIC KEY-----"),
    "keys": ("backups:", "BACKUP_KEY"),
    "keys sheet": ("LITEKEEP RECOVERY SHEET", "choose another from the list."),
    "cost": ("./backups: 0.00 USD a month", "Not counted: "),
    "drill --now": ("", ""),
    "timeline": ("app.db", "no points"),
    "backup --kind continuous": ("Backed up app.db", "Restore it:"),
    "continuous --once": ("backup-", "1 point"),
    "monitor": ("", ""),
    "audit": ("time ", "backup"),
    "audit verify": ("✓ The audit trail of ./backups is whole", ""),
}
BAD = {
    "restore --backup nope": 2,
    "restore --backup one --to app.db": 2,
    "verify --file broken.sql": 3,
    "backup --kind hourly": 2,
    "diff nope": 2,
    "rekey --to file:nope.key": 1,
    "request restore --backup one --in-place --reason R": 4,
    "requests": 4,
    "approve 20240115T120000Z-k3v9q2mx": 4,
    "refuse 20240115T120000Z-k3v9q2mx --reason R": 4,
    "restore --request 20240115T120000Z-k3v9q2mx": 4,
    "policy sign draft.json --output signed.json": 2,
    "erase --table users --column id": 2,
    "rows restore --from one --table nope": 2,
    "systemd": 2,
    "import --file broken.sql --to new.db": 3,
    "copy --to ./backups": 2,
    "show nope": 2,
    "release nope": 2,
    "delete nope --reason R": 2,
    "native status": 2,
    "policy show --nope": 2,
    "completion tcsh": 2,
    "man --nope": 2,
    "init --source nowhere.db": 1,
    "timeline --from noon": 2,
    "continuous --every 1d": 2,
    "audit --since soon": 2,
    "audit verify --since soon": 2,
    "console --port 99999": 2,
}


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, sample: bytes) -> Path:  # noqa: F811 - the fixture
    """A folder with a verified backup; each test gets a copy."""
    folder = tmp_path_factory.mktemp("furnished")
    (folder / "app.db").write_bytes(sample)
    place = Workplace(folder, clean_environment() | {"DATABASE_URL": "app.db", "XDG_STATE_HOME": str(folder / "state")})
    place.good("backup", "--name", "one", "--verify")
    (folder / "good.sql").write_text("CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\n")
    (folder / "broken.sql").write_text("CREATE TABLE t(a")
    return folder


@pytest.fixture
def ready(workplace: Workplace, furnished: Path) -> Workplace:  # noqa: F811 - the fixture
    shutil.copytree(furnished, workplace.folder, dirs_exist_ok=True)
    return workplace


def shown(place: Workplace, command: str, size: tuple[int, int]) -> Shown:
    columns, rows = size
    whole = [sys.executable, "-W", "error", "-m", "litekeep", *command.split()]
    return on_terminal(whole, place.folder, place.environment, columns=columns, rows=rows)


def without_wrapping(lines: list[str], columns: int) -> list[str]:
    """Joins lines that the terminal broke at its right edge."""
    joined: list[str] = []
    for line in lines:
        if joined and joined[-1] and len(joined[-1]) % columns in (0, columns - 1):
            joined[-1] = joined[-1].ljust(columns) + line  # a space at the edge was stripped
        else:
            joined.append(line)
    return joined


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("command", GOOD)
def test_final_screen_shows_only_the_whole_result(ready: Workplace, command: str, size: tuple[int, int]) -> None:
    if command == "release one":
        ready.good("hold", "one", "--reason", "audit")
    if command == "audit verify":
        ready.run("monitor")  # takes a checkpoint
    found = shown(ready, command, size)
    first, last = GOOD[command]
    lines = without_wrapping(found.lines, size[0])
    assert lines, found
    assert lines[0].startswith(first)
    assert last.strip() in " ".join(" ".join(lines[-4:]).split())  # the last lines may be wrapped
    assert "━" not in found.text, "a progress bar was left"
    assert not found.colors, "colors may be unreadable on a light or a dark background"
    assert "notice audit:" not in found.text, "audit lines belong in the log file"
    if command.partition(" ")[0] not in ("status", "monitor", "drill"):
        assert found.code == 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opened", [False, True])
def test_ctrl_c_ends_the_console_before_and_after_a_request(
    ready: Workplace, size: tuple[int, int], opened: bool
) -> None:
    def interrupt(shown: str) -> str:
        address = re.search(r"http://127\.0\.0\.1:\d+/", shown)
        if opened and address:
            with pytest.raises(HTTPError, match="401"):  # the server is up, and requires the token
                urlopen(f"{address[0]}", timeout=60)
        return CTRL_C

    command = [sys.executable, "-m", "litekeep", "console", "--port", "0"]
    answers = [("Ctrl-C ends the console", interrupt)]
    found = on_terminal(command, ready.folder, ready.environment, columns=size[0], rows=size[1], answers=answers)
    assert found.code == 0, found
    output = (
        r"Open http://127\.0\.0\.1:\d+/open\?token=[\w-]{43} it lets one browser in, once; Ctrl-C ends the console \^C"
    )
    assert re.fullmatch(output, " ".join(found.text.split()))
    assert not found.colors


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("command", BAD)
def test_error_is_one_line_wrapped_between_words(ready: Workplace, command: str, size: tuple[int, int]) -> None:
    found = shown(ready, command, size)
    lines = [line for line in without_wrapping(found.lines, size[0]) if line]
    assert found.code == BAD[command]
    if command.startswith("verify"):
        assert "NOT good" in lines[0]
        return
    assert lines[0].startswith("error: ")
    assert all(line.startswith("  ") for line in lines[1:]), lines
    assert len(lines) <= 4, lines


def test_list_fits_80_columns_and_names_columns_left_out(ready: Workplace) -> None:
    ready.good("backup", "--name", "pre-deployment-v1.25.0-hotfix-of-the-billing-module")
    narrow, wide = shown(ready, "list", (80, 24)), shown(ready, "list --wide", (200, 24))
    assert any(line.startswith("Left out to fit 80 columns: schema") for line in narrow.lines)
    assert all("pre-deployment-v1.25.0" not in line or "hotfix-of-the-billing-module" in line for line in narrow.lines)
    assert "schema" in wide.lines[0]


def test_audit_fits_80_columns_without_breaking_an_id(ready: Workplace) -> None:
    backup = "pre-deployment-v1.25.0-hotfix"
    account = "backup-of-all-databases@acme-production.iam.gserviceaccount.com"
    (ready.folder / "account.json").write_text(json.dumps({"client_email": account}))
    ready.good("backup", "--name", backup, GOOGLE_APPLICATION_CREDENTIALS="account.json")
    narrow, wide = shown(ready, "audit", (80, 24)), shown(ready, "audit", (200, 24))
    assert narrow.lines[-1] == "Left out to fit 80 columns: reason, outcome (--json)"
    (line,) = [line for line in narrow.lines if backup in line]
    assert "backup-of-all-d…" in line
    assert account not in narrow.text
    assert account in wide.text


def test_drill_list_fits_80_columns_without_breaking_an_id(ready: Workplace) -> None:
    ready.good("backup", "--kind", "daily", "--verify")
    ready.good("drill", "--now")
    narrow = shown(ready, "drill --list", (80, 24)).lines
    assert narrow[-1] == "Left out to fit 80 columns: database, from the copy, age of the data (--json)"
    (line,) = [line for line in narrow if line.startswith("✓")]
    assert re.search(r"\d\d:\d\d:\d\d UTC   passed +backup-\d{4}-\d\d-\d\d-\d{6} ", line)


def test_diff_fits_80_columns_with_a_long_table_name(ready: Workplace) -> None:
    with closing(apsw.Connection(str(ready.folder / "app.db"))) as connection:
        connection.execute(f"CREATE TABLE line_items_{60 * 'x'}(id INTEGER PRIMARY KEY)")
    narrow = shown(ready, "diff one", (80, 24)).lines
    (line,) = [line for line in narrow if line.startswith("line_items_")]
    assert re.fullmatch(r"line_items_x+… +0 +0 +0", line)
    assert "Left out to fit 80 columns: matched by, schema (--json)" in narrow


def test_events_go_to_the_log_file_unless_verbose(ready: Workplace) -> None:
    shown(ready, "restore --backup one --to a.db", (80, 24))
    log = Path(ready.environment["XDG_STATE_HOME"]) / "litekeep" / "log"
    assert "restore.succeeded" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert "restore.succeeded" in shown(ready, "restore --backup one --to b.db --verbose", (80, 24)).text
