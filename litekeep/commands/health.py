"""`litekeep health`"""

import click

from litekeep.checks import check, check_source, try_key, try_store
from shared.databases.interface import Condition
from shared.errors import LitekeepError
from shared.settings import Settings
from shared.terminal.approvals import desk_of
from shared.terminal.options import common, settings_with, store
from shared.terminal.parts import key_of
from shared.terminal.policy import policy_of
from shared.terminal.screen import BAD, GOOD, UNKNOWN, say, say_json
from shared.text import count

_SIGNS = {True: GOOD, False: BAD, None: UNKNOWN}


@click.command()
@click.option("--restores", is_flag=True, help="Also require the privileges that restores to SQLite Cloud need.")
@store
@common
def health(as_json: bool, restores: bool, store: str | None) -> int:
    """Check source, store, key and approvals: reachable, readable, writable, in order; one line each.

    On SQLite Cloud, also checks TLS, the login, the database and each privilege. Exits with 1 if a check fails.

    \b
    Examples:
      litekeep health
      litekeep health --restores
    """
    settings = settings_with(backup_store=store)
    findings = check_source(settings, restores=restores)
    findings.append(check("store", lambda: try_store(settings.backup_store)))
    if settings.backup_copy_store:
        copy = settings.backup_copy_store
        findings.append(check("copy store", lambda: try_store(copy)))
    findings.append(check("key", lambda: try_key(key_of(settings))))
    findings.append(_approvals(settings))
    if as_json:
        say_json([{"name": found.name, "ok": found.ok, "detail": found.detail} for found in findings])
    else:
        width = max(10, *(len(found.name) for found in findings))
        for found in findings:
            say(f"{_SIGNS[found.ok]} {found.name:<{width}} {found.detail}")
    return LitekeepError.exit_code if any(found.ok is False for found in findings) else 0


def _approvals(settings: Settings) -> Condition:
    """Returns whether approvals are in force, and whether the policy is the newest one recorded in the stores."""
    policy = policy_of(settings)
    if policy is None or not policy.people:
        why = "no policy file names people, so nothing is restored over production; see docs/approvals.md"
        return Condition("approvals", ok=None, detail=f"not in force: {why}")

    def look() -> str:
        desk_of(settings)
        people = count(len(policy.people), "person", "people")
        return f"in force: {people}, {'with' if policy.break_glass else 'no'} break glass"

    return check("approvals", look)
