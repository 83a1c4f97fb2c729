"""The retention rules in `litekeep status`, and where each one comes from."""

import textwrap
from collections.abc import Collection, Iterator
from typing import Any

from shared.events.log import safe_line
from shared.model.kinds import Kind
from shared.policy.file import read_policy
from shared.settings import Settings

_SET = "BACKUP_RETENTION"


def retention_lines(settings: Settings, retired: Collection[str] = ()) -> Iterator[str]:
    """Yields the rules grouped by where they come from, then how many backups are kept at any age."""
    for source in (_SET, _default_of(settings)):
        lengths = [f"{kind} {_days(settings, kind)}" for kind in Kind if _source(settings, kind) == source]
        if lengths:
            yield f"Kept ({source}):"
            yield from textwrap.wrap(", ".join(lengths), 78, initial_indent="  ", subsequent_indent="  ")
    stay = settings.backup_min_keep
    yield f"Always kept (BACKUP_MIN_KEEP): the last {stay} good ones of a database"
    if retired:
        named = ", ".join(map(safe_line, sorted(retired)))
        yield from textwrap.wrap(
            f"Retired, each backup goes when its time is over: {named}", 78, subsequent_indent="  "
        )


def retention_document(settings: Settings, retired: Collection[str] = ()) -> dict[str, Any]:
    """Returns the same for `--json`: for each kind its retention in days, which may be a fraction, and its source."""
    kinds = {
        kind.value: {"days": settings.retention_of(kind).total_seconds() / 86_400, "from": _source(settings, kind)}
        for kind in Kind
    }
    return {"kinds": kinds, "min_keep": settings.backup_min_keep, "retired": sorted(retired)}


def _source(settings: Settings, kind: Kind) -> str:
    return _SET if kind in settings.backup_retention else _default_of(settings)


def _default_of(settings: Settings) -> str:
    if read_policy(settings.backup_policy) is not None:
        return f"default of the policy's environment, {settings.environment}"
    named = "" if "environment" in settings.model_fields_set else ", which is not set"
    return f"default of ENVIRONMENT={settings.environment}{named}"


def _days(settings: Settings, kind: Kind) -> str:
    length = settings.retention_of(kind)
    return f"{length.days}d" if not length.seconds else f"{round(length.total_seconds() / 3600)}h"
