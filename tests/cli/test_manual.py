"""The manual page has the same text as --help, and `man` can read it."""

import re
import subprocess

import click
import pytest

from litekeep.app import litekeep
from litekeep.manual import manual_page
from shared.clock import utc_now
from tests.cli.conftest import Workplace
from tests.cli.test_examples import COMMANDS


@pytest.fixture(scope="module")
def page() -> str:
    return manual_page(litekeep, utc_now().date())


@pytest.fixture(scope="module")
def read(page: str) -> str:
    """The text that `man` shows on a terminal wide enough for every line."""
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-rLL=2000n", "-P-c", "-P-bou"],
        input=page,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "", "groff has nothing to complain of"
    return re.sub(r" +", " ", done.stdout)


@pytest.mark.parametrize("path", COMMANDS)
def test_manual_page_has_the_text_of_help(read: str, path: str) -> None:
    command = COMMANDS[path]
    context = click.Context(command, info_name=path)
    assert path in read
    for paragraph in (command.help or "").replace("\b", "").split("\n\n"):
        for line in paragraph.strip().splitlines():
            assert re.sub(r" +", " ", line.strip()) in read
    for parameter in command.get_params(context):
        for text in parameter.get_help_record(context) or ():
            assert re.sub(r" +", " ", text) in read


def test_manual_page_has_every_setting_and_exit_code(read: str) -> None:
    for line in (litekeep.epilog or "").replace("\b", "").strip().splitlines():
        assert re.sub(r" +", " ", line.strip()) in read


def test_manual_page_install_never_overwrites_another_file(workplace: Workplace) -> None:
    workplace.environment["XDG_DATA_HOME"] = str(workplace.folder / "share")
    path = workplace.folder / "share" / "man" / "man1" / "litekeep.1"
    assert f"Installed {path}" in workplace.good("man", "--install").out
    assert path.read_text() == workplace.good("man").out
    workplace.good("man", "--install")
    path.write_text("mine")
    refused = workplace.run("man", "--install")
    assert (refused.code, path.read_text()) == (2, "mine")
