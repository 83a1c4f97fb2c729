"""Implements `litekeep` without a command: a short status, and what to do next."""

from datetime import timedelta

from shared.events.log import safe_line
from shared.monitor.status import Status, StatusLevel
from shared.settings import SAMPLE_DATABASE
from shared.terminal.options import settings_with
from shared.terminal.overall import Look, take_look
from shared.terminal.screen import command_name, say
from shared.text import age, count

_SIGNS = {StatusLevel.OK: "✅", StatusLevel.STALE: "❌", StatusLevel.FAILING: "❌", StatusLevel.NEVER: "❌"}
_MOST = 10


def show_summary() -> int:
    """Shows a line for each database, and the next steps. Returns 1 if anything needs attention, else 0."""
    settings = settings_with()
    look = take_look(None, None)
    if not look.statuses:
        unset = settings.database_url is None and not SAMPLE_DATABASE.exists()
        why = "Nothing is set up in this folder: DATABASE_URL is not set" if unset else "No database is watched here"
        say(f"{why}, and {settings.backup_store} holds no backup of a database that is in use")
        todo = ("set it up", "init") if unset else ("see the details", "status")
        _next([todo, ("all commands and settings", "--help")])
        return 1
    for each in look.statuses[:_MOST]:
        say(_line(each))
    if len(look.statuses) > _MOST:
        say(f"· and {count(len(look.statuses) - _MOST, 'more database')}")
    findings = sum(len(each.findings) for each in look.statuses) + len(look.others)
    if findings:
        say(f"⚠️ {count(findings, 'thing needs', 'things need')} attention")
    _next([*_advice(look, findings), ("all commands and settings", "--help")])
    return 1 if look.needs_attention else 0


def _line(status: Status) -> str:
    name = safe_line(status.database)
    if status.last is None or status.age is None:
        return f"❌ {name}: never backed up"
    proof = "proven" if status.last.verified else "not proven yet" if status.last.verified is None else "NOT good"
    stale = ", older than its schedule allows" if status.standing is StatusLevel.STALE else ""
    ago = age(max(status.age, timedelta(0)).total_seconds())
    return f"{_SIGNS[status.standing]} {name}: last backup {ago} ago ({status.last.kind}), {proof}{stale}"


def _advice(look: Look, findings: int) -> list[tuple[str, str]]:
    """Returns the next steps, the most urgent first: what to do, and the command."""
    advice: list[tuple[str, str]] = []
    if any(each.last is None for each in look.statuses):
        advice.append(("take a backup and verify it", "backup --verify"))
    if findings:
        advice.append(("see what needs attention", "status"))
    if any(each.last is not None and each.last.verified is None for each in look.statuses):
        advice.append(("verify the newest backup", "verify"))
    if not advice:
        advice.append(("see the details", "status"))
    if any(each.last is not None for each in look.statuses):
        advice.append(("restore a backup", "restore --backup latest"))
    return advice


def _next(advice: list[tuple[str, str]]) -> None:
    width = max(len(what) for what, _ in advice) + 1
    for what, command in advice:
        say(f"  {what + ':':<{width}} {command_name()} {command}")
