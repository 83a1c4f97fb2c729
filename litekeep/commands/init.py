"""`litekeep init`"""

import sys
from typing import TYPE_CHECKING, Any

import click

from shared.terminal.options import common

if TYPE_CHECKING:
    from litekeep.setup_questions import Question

_FLAGS = {
    "DATABASE_URL": "source",
    "BACKUP_STORE": "store",
    "BACKUP_KEY": "key",
    "BACKUP_SCHEDULES": "schedule",
    "BACKUP_NOTIFY": "notify",
}


@click.command()
@click.option("--source", metavar="URL", help="The database: a path, or sqlitecloud://…")
@click.option("--store", metavar="URL", help="Where backups live: a folder or gs://BUCKET[/PREFIX].")
@click.option("--key", metavar="KEY", help="file:PATH, gcp-kms://… or none; a missing file is created.")
@click.option("--schedule", metavar="CRON", help="kind=cron pairs, UTC, such as daily=0 0 * * *")
@click.option("--notify", metavar="URLS", help="Apprise URLs for findings, separated by spaces.")
@click.option("--heartbeat", metavar="URL", help="A URL to call after each successful backup.")
@click.option("--file", "file", type=click.Choice([".env", "litekeep.toml"]), help="The file to write. [.env]")
@common
def init(as_json: bool, file: str | None, heartbeat: str | None, **flags: str | None) -> None:
    """Ask for source, store, key, schedule and notifications, check each, and write the settings file.

    A flag answers its question. Without a terminal nothing is asked, and the defaults are used. The file has mode 0600,
    and never overwrites another.

    \b
    Examples:
      litekeep init
      litekeep init --source /srv/app/app.db --store /mnt/backups --notify ntfys://ntfy.sh/my-topic
    """
    from litekeep.setup_file import choose_file, write_settings
    from litekeep.setup_questions import missing_key_file, questions_of
    from shared.settings import read_settings
    from shared.terminal.audit import audited
    from shared.terminal.parts import event_log

    path = choose_file(file)
    answers: dict[str, str] = {"BACKUP_HEARTBEAT_URL": heartbeat} if heartbeat else {}
    checks: list[str] = []
    for question in questions_of(read_settings(**answers)):
        lines = _ask(question, flags[_FLAGS[question.setting]], answers, quiet=as_json)
        checks += lines
    values = {name: value for name, value in answers.items() if value}
    settings = read_settings(**values)
    missing = missing_key_file(settings)
    with audited(event_log(read_settings(), result_on_stdout=as_json, trail=False), settings, "init", str(path)):
        if missing is not None:
            from shared.keys.keyfile import KeyFile

            KeyFile.create(missing)
        write_settings(path, values)
    _say(str(path), values, checks, str(missing) if missing else None, as_json=as_json)


def _ask(question: "Question", given: str | None, answers: dict[str, str], *, quiet: bool) -> list[str]:
    """Adds the answer to `answers` once it works, and returns the results of its check.

    On a terminal a wrong answer is asked for again; otherwise its error is raised.
    """
    from litekeep.setup_questions import try_answer
    from shared.errors import LitekeepError
    from shared.terminal.screen import BAD, GOOD, say

    asking = given is None and sys.stdin.isatty() and not quiet
    while True:
        value = given if given is not None else question.default or ""
        if asking:
            value = str(click.prompt(question.text, default=question.default, show_default=_may_be_shown(question)))
        try:
            lines = try_answer(question, answers | {question.setting: value})
        except LitekeepError as error:
            if not asking:
                raise
            say(f"{BAD} {error}")
            continue
        answers[question.setting] = value
        if not quiet:
            for line in lines:
                say(f"{GOOD} {line}")
        return lines


def _may_be_shown(question: "Question") -> bool:
    """Returns whether the default may be shown: one from the environment may hold a credential."""
    from shared.redaction import redact

    return bool(question.default) and redact(question.default or "") == question.default


def _say(path: str, values: dict[str, str], checks: list[str], new_key: str | None, *, as_json: bool) -> None:
    from shared.terminal.screen import command_name, say, say_json

    if as_json:
        document: dict[str, Any] = {"file": path, "settings": list(values), "checks": checks, "new_key": new_key}
        say_json(document)
        return
    if new_key:
        say(f"NEW KEY {new_key}: copy it to a safe place NOW; without it no backup can ever be read")
    say(f"Wrote {path}, readable by you alone.")
    say(f"Take a backup:   {command_name()} backup --kind daily --verify")
    say(f"Automate it:     {command_name()} systemd --user --install")
