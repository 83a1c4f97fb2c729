"""The report of a cleanup or its dry run, as text and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from shared.clock import rfc3339
from shared.retention.outcome import Outcome
from shared.retention.plan import RetentionDecision
from shared.terminal.screen import say, table
from shared.text import age, count, size

FEW = 20  # errors and attention lines that are listed; --json lists all


@dataclass(frozen=True)
class Cleaned:
    """The result for a store: its outcome, or the error."""

    url: str
    outcome: Outcome | None
    error: str | None = None

    @property
    def failed(self) -> bool:
        return self.outcome is None or self.outcome.failed


def to_json(done: Sequence[Cleaned], *, dry_run: bool) -> dict[str, Any]:
    """Returns the document of the main store: plan, deletions, attention; the field `copy` has that of the copy store.

    Its lists are iterators, which `say_json` writes item by item.
    """
    main, *copies = (_of_one(each, dry_run=dry_run) for each in done)
    return main | {"copy": next(iter(copies), None)}


def _of_one(cleaned: Cleaned, *, dry_run: bool) -> dict[str, Any]:
    outcome, store_url = cleaned.outcome, cleaned.url
    if outcome is None:
        return {"store": store_url, "dry_run": dry_run, "deleted": 0, "errors": [cleaned.error]}
    swept = {item.name for item in outcome.swept}
    return {
        "store": store_url,
        "dry_run": dry_run,
        "deleted": len(outcome.deleted),
        "kept": outcome.kept,
        "freed_bytes": outcome.freed_bytes,
        "would_delete": len(outcome.to_delete),
        "would_free_bytes": _planned_bytes(outcome),
        "backups": (_item(outcome, decision) for decision in outcome.plan.decisions),
        "orphans": (
            {
                "object": item.name,
                "size_bytes": item.size_bytes,
                "created_at": rfc3339(item.created_at),
                "deleted": item.name in swept,
            }
            for item in outcome.orphans
        ),
        "attention": outcome.attention,
        "errors": outcome.errors,
    }


def say_outcomes(done: Sequence[Cleaned], *, dry_run: bool) -> None:
    """Prints the plan of each store for a dry run, else what was deleted; errors and attention go to stderr."""
    for number, each in enumerate(done):
        if len(done) > 1:
            say(f"{'Copy store' if number else 'Store'} {each.url}:")
        if each.outcome is None:
            say_lines("✗", [each.error or ""])
            continue
        if dry_run:
            _say_plan(each.outcome)
        else:
            _say_done(each.outcome)
        say_lines("✗", each.outcome.errors)
        say_lines("!", each.outcome.attention)


def say_errors(done: Sequence[Cleaned]) -> None:
    """Prints the errors on stderr."""
    for each in done:
        say_lines("✗", each.outcome.errors if each.outcome else [each.error or ""])


def say_lines(sign: str, lines: Sequence[str]) -> None:
    """Prints the first lines on stderr, and the number of the others."""
    for line in lines[:FEW]:
        click.echo(f"{sign} {line}", err=True)
    if len(lines) > FEW:
        click.echo(f"{sign} and {len(lines) - FEW} more: see --json", err=True)


def _say_plan(outcome: Outcome) -> None:
    if not outcome.plan.decisions and not outcome.orphans:
        say("No backups, and nothing to delete.")
        return
    rows = [_row(outcome, decision) for decision in outcome.plan.decisions]
    columns = ("id", "database", "kind", "age", "size", "verified", "verdict", "reason", "frees")
    table(columns, rows, right=frozenset({3, 4, 8}), droppable=("frees", "size", "age", "verified", "database", "kind"))
    for item in outcome.orphans:
        say(f"orphaned object: {item.name} ({size(item.size_bytes)})")
    say(
        f"Would delete {len(outcome.to_delete)} of {count(len(outcome.plan.decisions), 'backup')} "
        f"and {count(len(outcome.orphans), 'orphaned object')}, and free {size(_planned_bytes(outcome))}."
    )


def _say_done(outcome: Outcome) -> None:
    for decision in outcome.plan.decisions:
        if decision.backup.name in outcome.deleted:
            say(f"deleted {decision.backup.name.id} of {decision.backup.name.database}: {decision.reason}")
    for item in outcome.swept:
        say(f"deleted the orphaned object {item.name}")
    say(
        f"Deleted {count(len(outcome.deleted), 'backup')} and {count(len(outcome.swept), 'orphaned object')}, "
        f"freed {size(outcome.freed_bytes)}; {count(outcome.kept, 'backup stays', 'backups stay')}."
    )


def _row(outcome: Outcome, decision: RetentionDecision) -> tuple[str, ...]:
    backup = decision.backup
    frees = outcome.frees(decision)
    return (
        backup.name.id,
        backup.name.database,
        backup.name.kind.value,
        age((outcome.planned_at - backup.created_at).total_seconds()),
        size(outcome.inventory.size_of(backup.name)),
        {True: "yes", False: "NO", None: "not yet"}[backup.verified],
        "delete" if backup.name in outcome.to_delete else "keep",
        decision.reason,
        size(frees) if frees else "",
    )


def _item(outcome: Outcome, decision: RetentionDecision) -> dict[str, Any]:
    backup = decision.backup
    return {
        "id": backup.name.id,
        "database": backup.name.database,
        "kind": backup.name.kind.value,
        "created_at": rfc3339(backup.created_at),
        "age_seconds": int((outcome.planned_at - backup.created_at).total_seconds()),
        "size_bytes": outcome.inventory.size_of(backup.name),
        "verified": backup.verified,
        "held": backup.held,
        "verdict": "delete" if backup.name in outcome.to_delete else "keep",
        "rule": decision.rule.value,
        "reason": decision.reason,
        "kept_until": rfc3339(decision.kept_until) if decision.kept_until else None,
        "frees_bytes": outcome.frees(decision),
        "deleted": backup.name in outcome.deleted,
    }


def _planned_bytes(outcome: Outcome) -> int:
    backups = sum(outcome.frees(decision) for decision in outcome.plan.decisions)
    return backups + sum(item.size_bytes for item in outcome.orphans)
