"""Units are valid for systemd, and their commands work with the rights that the units allow."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from shared.model.schedules import parse_schedules
from shared.systemd.units import Machine, tasks_of, units_of
from tests.cli.conftest import ROOT, Workplace, sample, workplace  # noqa: F401 - fixtures
from tests.systemd.reading import as_systemd_reads, may_mount, read_unit, run_as_unit, verify

TASKS = ["backup-daily", "backup-weekly", "cleanup", "drill", "monitor", "restore-check", "verify"]


@pytest.fixture
def server(workplace: Workplace) -> Workplace:  # noqa: F811 - the fixture
    """A machine with a settings file, a key and a database."""
    text = "DATABASE_URL=data/app.db\nBACKUP_KEY=file:own.key\nBACKUP_SCHEDULES=daily=0 0 * * *;weekly=0 0 * * 0\n"
    (workplace.folder / ".env").write_text(text)
    (workplace.folder / "data").mkdir()
    workplace.database.rename(workplace.folder / "data" / "app.db")
    workplace.store.mkdir()
    del workplace.environment["DATABASE_URL"]
    workplace.environment["XDG_CONFIG_HOME"] = str(workplace.folder / "config")
    workplace.good("keygen", "own.key")
    return workplace


def written(server: Workplace, *flags: str) -> dict[str, Path]:
    """Writes the units that --print shows to files."""
    folder = server.folder / "units"
    folder.mkdir(exist_ok=True)
    for unit in server.good("systemd", "--print", "--json", *flags).json["units"]:
        (folder / unit["name"]).write_text(unit["content"])
    return {path.name: path for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("flags", [(), ("--user",)])
def test_systemd_accepts_the_units(server: Workplace, flags: tuple[str, ...]) -> None:
    units = written(server, *flags)
    assert sorted(units) == sorted(f"litekeep-{task}.{what}" for task in TASKS for what in ("service", "timer"))
    assert verify(units.values()) == ""


def test_verify_reports_a_wrong_unit(server: Workplace) -> None:
    path = written(server)["litekeep-verify.service"]
    path.write_text(path.read_text().replace("ProtectSystem=strict", "ProtectSystem=very"))
    assert "Failed to parse protect system value" in verify([path])


def test_services_have_a_low_systemd_exposure_score(server: Workplace) -> None:
    path = written(server, "--run-as", "nobody")["litekeep-backup-daily.service"]
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]  # an exposure of at most 2.5 of 10


def test_each_command_works_within_the_sandbox_of_its_unit(server: Workplace) -> None:
    if not may_mount():
        pytest.skip("only root may mount, and not everywhere")
    units = written(server)
    state = server.folder / "state-of-units"
    for task in ("backup-daily", "backup-weekly", "verify", "cleanup", "monitor", "drill", "restore-check"):
        unit = read_unit(units[f"litekeep-{task}.service"])
        done = run_as_unit(unit, state)
        assert done.returncode == 0, (task, done.stdout, done.stderr)
        elsewhere = server.folder / "elsewhere"
        denied = run_as_unit(unit, state, ["touch", str(elsewhere)])
        assert (denied.returncode, "Read-only" in denied.stderr) == (1, True)
    kinds = {name.split("/")[0] for name in server.stored()}
    assert {"daily", "weekly"} <= kinds
    assert (state / "litekeep" / "audit.jsonl").exists()


def test_missing_key_skips_tasks_and_is_reported_by_the_monitor(server: Workplace) -> None:
    units = {name: path.read_text() for name, path in written(server).items() if name.endswith(".service")}
    condition = f"ConditionPathExists={server.folder}/own.key"
    assert {name for name, text in units.items() if condition in text} == {
        f"litekeep-{task}.service" for task in ("backup-daily", "backup-weekly", "verify", "drill", "restore-check")
    }
    (server.folder / "own.key").unlink()
    server.good("backup", BACKUP_KEY="none")
    outcome = server.run("monitor")
    assert (outcome.code, "monitor.key_unusable" in outcome.out) == (1, True)


def test_special_characters_are_escaped_in_units() -> None:
    odd = "a b\"c\\d%i$HOME'é;#"
    machine = Machine(
        program=("/bin/true", f"/{odd}"),
        folder=Path(f"/srv/{odd}"),
        user=None,
        key_file=Path(f"/keys/{odd}"),
        environment={"NAME": odd},
    )
    task = next(task for task in tasks_of(None) if task.reads_key)
    found = as_systemd_reads(units_of(machine, [task]), f"litekeep-{task.name}.service")
    assert found["WorkingDirectory"] == [f"/srv/{odd}"]
    assert found["Environment"] == [f"NAME={odd}"]
    assert found["ConditionPathExists"][0].removesuffix(" untested") == f"/keys/{odd}"
    # systemd makes one $ of two when it starts the command.
    command = shlex.split(found["Command Line"][0].replace("\\$", "$"))
    assert command[:2] == ["/bin/true", f"/{odd}".replace("$", "$$")]


def test_special_characters_are_escaped_in_writable_paths(tmp_path: Path) -> None:
    odd = 'a b"c\\d%i'
    machine = Machine(("/bin/true",), Path("/srv"), "root", written=(Path(f"/{odd}"),))
    text = units_of(machine, [tasks_of(None)[0]])["litekeep-backup-daily.service"]
    assert 'ReadWritePaths="-/a b\\"c\\\\d%%i"' in text.splitlines()


def test_install_enables_timers_and_removes_stale_units(server: Workplace) -> None:
    folder = server.folder / "config" / "systemd" / "user"
    done = server.good("systemd", "--user", "--install", "--json").json
    assert {path.name for path in (folder / "timers.target.wants").iterdir()} == set(done["timers"])
    assert len(done["timers"]) == len(TASKS)
    env = server.folder / ".env"
    env.write_text(env.read_text().replace(";weekly=0 0 * * 0", ""))
    again = server.good("systemd", "--user", "--install", "--json").json
    assert again["removed"] == ["litekeep-backup-weekly.service", "litekeep-backup-weekly.timer"]
    assert not list(folder.rglob("*weekly*"))
    assert {path.name for path in (folder / "timers.target.wants").iterdir()} == set(again["timers"])


def test_install_does_not_overwrite_a_foreign_unit(server: Workplace) -> None:
    folder = server.folder / "config" / "systemd" / "user"
    folder.mkdir(parents=True)
    theirs = folder / "litekeep-monitor.service"
    theirs.write_text("[Service]\nExecStart=/bin/true\n")
    outcome = server.run("systemd", "--user", "--install")
    assert (outcome.code, "was not written by litekeep systemd" in outcome.err) == (2, True)
    assert [path.name for path in folder.iterdir()] == ["litekeep-monitor.service"]
    assert theirs.read_text() == "[Service]\nExecStart=/bin/true\n"


@pytest.mark.parametrize(
    ("flags", "settings", "error"),
    [
        (("--user", "--install"), {"BACKUP_STORE": "elsewhere"}, "BACKUP_STORE: set only in this shell"),
        (("--user", "--install"), {"BACKUP_KEY": ""}, "BACKUP_KEY: set only in this shell"),
        (("--user", "--install"), {}, ""),
        (("--run-as", "nobody-of-this-name"), {}, "there is no such user"),
        (("--run-as", "root", "--user"), {}, "--run-as is for the system's units"),
        (("--print", "--install"), {}, "exclude each other"),
    ],
)
def test_settings_that_units_cannot_use_are_refused(
    server: Workplace, flags: tuple[str, ...], settings: dict[str, str], error: str
) -> None:
    if not error:
        (server.folder / "own.key").unlink()
        error = "own.key does not exist: litekeep keygen"
    outcome = server.run("systemd", *flags, **settings)
    assert (outcome.code, error in outcome.err) == (2, True), outcome.err
    assert not (server.folder / "config").exists()


def test_default_times_equal_those_of_terraform() -> None:
    terraform = (ROOT / "terraform" / "variables_jobs.tf").read_text()
    schedules = terraform.partition('variable "schedules"')[2].partition("\n}\n")[0]
    theirs = dict(re.findall(r'^    (\w+) +=+ optional\(string, "([^"]+)"\)$', schedules, re.MULTILINE))
    for task in tasks_of(None):
        assert task.cron == theirs[task.name.removeprefix("backup-").replace("-", "_")], task.name
    every = parse_schedules("continuous=*/5 * * * *")
    assert "backup-continuous" in {task.name for task in tasks_of(every)}
