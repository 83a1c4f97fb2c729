"""docs/self-hosted.md: the printed commands set up a machine with monitored backups, and restore one."""

import re
import sys
from pathlib import Path

from tests.cli.conftest import ROOT, Workplace, sample, workplace  # noqa: F401 - fixtures
from tests.docs.page import Reader
from tests.program import program_folder
from tests.servers.receiver import running_receiver

DOC = ROOT / "docs" / "self-hosted.md"


def test_page_sets_up_monitored_backups_and_restores(workplace: Workplace) -> None:  # noqa: F811 - the fixture
    home = workplace.folder / "home"
    (home / "app").mkdir(parents=True)
    workplace.database.rename(home / "app" / "app.db")
    original = (home / "app" / "app.db").read_bytes()
    del workplace.environment["DATABASE_URL"]
    with running_receiver() as receiver:
        environment = workplace.environment | {
            "HOME": str(home),
            "PATH": f"{program_folder()}:{Path(sys.executable).parent}:{workplace.environment['PATH']}",
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_STATE_HOME": str(home / ".local" / "state"),
            "NOTIFY": receiver.notify,
            "HEARTBEAT": receiver.heartbeat,
        }
        printed = Reader(workplace.folder, environment).run(DOC)
    assert "failed, as it should" in printed
    notifications = [(message["title"].partition(": ")[2], message["message"]) for message in receiver.messages]
    assert [title for title, _ in notifications] == ["", "1 began", "1 ended"]
    assert "backup.failed" in notifications[1][1]
    assert len(receiver.beats) == 2
    assert len(list((home / ".config" / "systemd" / "user" / "timers.target.wants").iterdir())) == 7
    assert (home / "elsewhere" / "app.db").read_bytes() == original
    assert receiver.notify not in printed


def test_table_names_every_installed_timer() -> None:
    from shared.systemd.units import tasks_of  # noqa: PLC0415 - only this test needs it

    rows = re.findall(r"^\| `(litekeep-[a-z]+)", DOC.read_text(), re.MULTILINE)
    assert set(rows) == {f"litekeep-{task.name.split('-')[0]}" for task in tasks_of(None)}
