"""Refuses retention rules that delete sooner than those of the last cleanup, until they were shown.

A wrong ENVIRONMENT or a typo in BACKUP_RETENTION must not delete anything unnoticed. So a cleanup records the rules
that it applied, and refuses shorter ones until a dry run with them is recorded too, or --force is given. The records
are create-once objects below `locks/rules/`. They have no other effect; unreadable ones and those dated in the future
are ignored.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.clock import Clock, is_future
from shared.errors import LitekeepError, ObjectMissing, StoreError
from shared.model import lock_names
from shared.model.kinds import Kind
from shared.retention.plan import RetentionPolicy
from shared.stores import Store, StoredObject

_LARGEST = 4096  # bytes
_MOST = 50  # records that are read
_KEPT = 10  # older records are deleted
_LONGEST = 365_000 * 86_400  # seconds

Rules = Mapping[str, int]


@dataclass(frozen=True)
class _Record:
    at: datetime
    applied: bool
    rules: Rules
    stored: StoredObject


def shorter_than_before(store: Store, policy: RetentionPolicy, clock: Clock) -> str | None:
    """Returns which rules are shorter than in the last cleanup, or None if there are none or a dry run showed them.

    Raises StoreError.
    """
    wanted = _rules(policy)
    seen = False
    for record in _records(store, clock()):
        if not record.applied:
            seen = seen or record.rules == wanted
            continue
        changes = [
            f"{name} {_format(name, record.rules[name])}, now {_format(name, wanted[name])}"
            for name in wanted
            if name in record.rules and wanted[name] < record.rules[name]
        ]
        return None if seen or not changes else ", ".join(changes)
    return None


def refuse_shorter(store: Store, policy: RetentionPolicy, clock: Clock) -> None:
    """Raises LitekeepError for rules that would delete sooner, unless `policy.force` is set. Raises StoreError."""
    shorter = None if policy.force else shorter_than_before(store, policy, clock)
    if shorter is not None:
        raise LitekeepError(
            f"{store.url} was last cleaned by longer rules, and these would delete sooner: {shorter}; see what would "
            "be deleted with litekeep cleanup --dry-run, then run it again, or set BACKUP_RETENTION, BACKUP_MIN_KEEP "
            "and ENVIRONMENT as they were (--force applies them at once)"
        )


def show_shorter(store: Store, policy: RetentionPolicy, clock: Clock) -> str | None:
    """Records that a dry run showed shorter rules, and returns a line about them, or None. Raises StoreError."""
    shorter = shorter_than_before(store, policy, clock)
    if shorter is None:
        return None
    message = f"these rules delete sooner than those of the last cleanup: {shorter}"
    try:
        _write(store, policy, clock(), applied=False)
    except StoreError as error:
        return f"{message}; a cleanup will refuse them, because this dry run could not be recorded: {error}"
    return f"{message}; the next cleanup applies them"


def record_applied(store: Store, policy: RetentionPolicy, clock: Clock) -> None:
    """Records the rules of a cleanup unless the last one had the same, and deletes old records. Raises StoreError."""
    records = list(_records(store, clock()))
    last = next((record for record in records if record.applied), None)
    if last is None or last.rules != _rules(policy):
        _write(store, policy, clock(), applied=True)
    for record in [each for each in records[_KEPT:] if each is not last]:
        store.delete(record.stored.name, record.stored.generation)


def _write(store: Store, policy: RetentionPolicy, moment: datetime, *, applied: bool) -> None:
    content = json.dumps({"rules": _rules(policy)}).encode() + b"\n"
    store.create(lock_names.rules_record(moment, applied=applied), content, {})


def _rules(policy: RetentionPolicy) -> dict[str, int]:
    """Returns the retention by kind in seconds, and the minimum number of good backups to keep."""
    lengths = {kind.value: int(policy.lengths[kind].total_seconds()) for kind in Kind}
    return {**lengths, "BACKUP_MIN_KEEP": policy.min_keep}


def _format(name: str, value: int) -> str:
    if name not in set(Kind):
        return str(value)
    return f"{value // 86_400} d" if value % 86_400 == 0 else f"{value // 3600} h"


def _records(store: Store, now: datetime) -> Iterator[_Record]:
    """Yields the valid records, newest first."""
    found = []
    for item in store.list_objects(lock_names.RULES):
        parsed = lock_names.parse_rules_record(item.name)
        if parsed is not None and not is_future(parsed[0], now):
            found.append((*parsed, item))
    for at, applied, item in sorted(found, key=lambda each: each[0], reverse=True)[:_MOST]:
        rules = _read(store, item)
        if rules is not None:
            yield _Record(at, applied, rules, item)


def _read(store: Store, item: StoredObject) -> Rules | None:
    try:
        with store.open(item.name, item.generation) as stream:
            document: Any = json.loads(stream.read(_LARGEST))
        rules = document["rules"]
        return {name: _count(rules[name]) for name in (*(kind.value for kind in Kind), "BACKUP_MIN_KEEP")}
    except (ValueError, KeyError, TypeError, RecursionError, ObjectMissing):
        return None


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _LONGEST:
        raise ValueError("not a valid length of a rule")
    return value
