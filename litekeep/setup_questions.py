"""The five questions of `litekeep init`, and the check of each answer."""

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from litekeep.checks import check_source, try_key, try_store
from shared.clock import utc_now
from shared.errors import KeyProblem, LitekeepError, UsageError
from shared.model.notify_urls import schema_of
from shared.model.trail_names import BESIDE_TRAIL
from shared.notify.send import send
from shared.settings import Settings, read_settings
from shared.stores import open_store
from shared.terminal.parts import key_of
from shared.terminal.policy import under_policy
from shared.text import moment

Trial = Callable[[Settings], Iterator[str]]


@dataclass(frozen=True)
class Question:
    """A question. `default` is the answer for Enter and without a terminal; None if an answer is required."""

    setting: str
    flag: str
    text: str
    default: str | None
    trial: Trial


def questions_of(here: Settings) -> list[Question]:
    """Returns the questions, with the values of the environment as defaults."""
    schedules = "daily=0 0 * * *;weekly=0 0 * * 0"
    return [
        Question("DATABASE_URL", "--source", "Database (a path, or sqlitecloud://…)", here.database_url, _try_source),
        Question("BACKUP_STORE", "--store", "Store (a folder, or gs://BUCKET)", here.backup_store, _try_store),
        Question("BACKUP_KEY", "--key", "Key (file:PATH, gcp-kms://… or none)", here.backup_key, _try_key),
        Question("BACKUP_SCHEDULES", "--schedule", "Schedule (kind=cron, UTC)", schedules, _try_schedules),
        Question("BACKUP_NOTIFY", "--notify", "Notifications (Apprise URLs; empty for none)", "", _try_notify),
    ]


def try_answer(question: Question, answers: Mapping[str, str]) -> list[str]:
    """Checks the newest answer, and returns the results in words. Raises LitekeepError if it does not work."""
    given = {name: value for name, value in answers.items() if value}
    return list(question.trial(under_policy(read_settings(**given))))


def missing_key_file(settings: Settings) -> Path | None:
    """Returns the key file of BACKUP_KEY if it does not exist yet, else None."""
    if not settings.backup_key.startswith("file:"):
        return None
    path = Path(settings.backup_key.removeprefix("file:")).expanduser()
    return None if path.exists() else path


def _try_source(settings: Settings) -> Iterator[str]:
    if settings.database_url is None:
        raise UsageError("--source is missing: name the database, a path or sqlitecloud://…")
    for each in check_source(settings):
        if each.ok is False:
            raise LitekeepError(f"{each.name}: {each.detail}")
        yield f"{each.name}: {each.detail}"


def _try_store(settings: Settings) -> Iterator[str]:
    yield f"store: {try_store(settings.backup_store)}"


def _try_key(settings: Settings) -> Iterator[str]:
    missing = missing_key_file(settings)
    if missing is None:
        yield f"key: {try_key(key_of(settings))}"
        return
    if any(item.name.endswith(".enc") for item in open_store(settings.backup_store).list_objects(start=BESIDE_TRAIL)):
        raise KeyProblem(
            f"{settings.backup_store} holds encrypted backups, and {missing} does not exist: name the key that they use"
        )
    yield f"key: {missing} will be made"


def _try_schedules(settings: Settings) -> Iterator[str]:
    now = utc_now()
    if not settings.backup_schedules:
        yield "schedule: none, so no backup is taken automatically"
    for kind, schedule in (settings.backup_schedules or {}).items():
        yield f"schedule: the next {kind} backup is due {moment(schedule.next_after(now))}"


def _try_notify(settings: Settings) -> Iterator[str]:
    if not settings.backup_notify:
        yield "notifications: none"
        return
    text = "This is a test: from now on you get a message when a finding begins and when it ends."
    answers = send(settings.backup_notify, f"Litekeep on {socket.gethostname()}", text, "info")
    for url, why in zip(settings.backup_notify, answers, strict=True):
        if why is not None:
            raise LitekeepError(f"BACKUP_NOTIFY ({schema_of(url)}://…) did not work: {why}")
        yield f"notifications: a test was sent by {schema_of(url)}"
