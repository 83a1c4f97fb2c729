"""`litekeep` without a command, and the shell completion."""

import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Workplace
from tests.program import program_folder


def test_empty_folder_shows_the_first_step(workplace: Workplace) -> None:
    (workplace.folder / "empty").mkdir()
    del workplace.environment["DATABASE_URL"]
    outcome = Workplace(workplace.folder / "empty", workplace.environment).run()
    assert outcome.code == 1
    assert outcome.out.startswith("Nothing is set up in this folder: DATABASE_URL is not set")
    assert "litekeep init" in outcome.out
    assert not list((workplace.folder / "empty").iterdir())


def test_summary_shows_state_and_next_steps(workplace: Workplace) -> None:
    never = workplace.run()
    assert never.code == 1
    assert never.out.startswith("❌ app.db: never backed up\n")
    assert "litekeep backup --verify" in never.out
    workplace.good("backup", "--kind", "daily")
    unproven = workplace.good()
    assert "(daily), not proven yet\n" in unproven.out
    assert "litekeep verify" in unproven.out
    workplace.good("verify")
    proven = workplace.good()
    assert "(daily), proven\n" in proven.out
    assert "litekeep restore --backup latest" in proven.out


def test_wrong_setting_is_one_error_line(workplace: Workplace) -> None:
    outcome = workplace.run(BACKUP_STORE="s3://bucket")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: BACKUP_STORE is wrong: ")


def test_installed_bash_completion_completes_commands(workplace: Workplace) -> None:
    data = workplace.folder / "data"
    path = workplace.good("completion", "bash", "--install", "--json", XDG_DATA_HOME=str(data)).json["path"]
    assert Path(path) == data / "bash-completion" / "completions" / "litekeep"
    workplace.good(
        "completion", "bash", "--install", XDG_DATA_HOME=str(data)
    )  # again: a completion of Litekeep may be replaced
    script = f"source {path}; COMP_WORDS=(litekeep ret); COMP_CWORD=1; "
    script += '_litekeep_completion litekeep ret litekeep; echo "${COMPREPLY[@]}"'
    environment = workplace.environment | {
        "PATH": f"{program_folder()}:{Path(sys.executable).parent}:{workplace.environment['PATH']}"
    }
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["retire"]


def test_completion_does_not_overwrite_another_file(workplace: Workplace) -> None:
    theirs = workplace.folder / "config" / "fish" / "completions" / "litekeep.fish"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("# mine\n")
    outcome = workplace.run("completion", "fish", "--install", XDG_CONFIG_HOME=str(workplace.folder / "config"))
    assert (outcome.code, "is not a completion of Litekeep" in outcome.err) == (2, True)
    assert theirs.read_text() == "# mine\n"
