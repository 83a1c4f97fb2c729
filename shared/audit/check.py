"""Verifies the audit trail: all checkpoints, all events under them, and the anchors outside the store."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from shared.audit.anchors import Anchor, differences, missing_numbers
from shared.audit.checkpoint import Checkpoint, Stored, read_inventory
from shared.audit.kept import LARGEST as LARGEST_KEPT
from shared.audit.kept import PREFIXES
from shared.audit.read import LARGEST, contents, parse_entry
from shared.audit.recent import LATE, Problem, checkpoint_objects, events_since, read_checkpoints
from shared.clock import Clock, is_future, rfc3339, utc_now
from shared.errors import NotGood
from shared.model.trail_names import CHECKPOINTS, checkpoint_object, parse_event
from shared.runtime.progress import Progress, silent
from shared.stores import Store, StoredObject
from shared.stores.interface import OwnTime
from shared.text import count

if TYPE_CHECKING:
    from shared.statements.public_key import PublicKey

KEPT_FOR = timedelta(days=395)  # older objects may have been deleted by the store's lifecycle rule
_OVERDUE = timedelta(hours=3)
_AT_ONCE = 500  # objects read in one batch


@dataclass
class Report:
    """The result of a verification. `uncovered` counts events under no checkpoint; `notes` say what is unverified."""

    checkpoints: int = 0
    events: int = 0
    uncovered: int = 0
    findings: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there are no findings."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Returns the output of `audit verify --json`."""
        return {
            "ok": self.ok,
            "checkpoints": self.checkpoints,
            "events": self.events,
            "uncovered": self.uncovered,
            "findings": [{"object": each.object, "what": each.what} for each in self.findings],
            "notes": self.notes,
        }


@dataclass(frozen=True)
class CheckOptions:
    """Options of a verification.

    `keys`: the accepted signers. `must_sign`: the newest checkpoint must be signed. `since`: ignore older events.
    """

    keys: "Collection[PublicKey]" = ()
    must_sign: bool = False
    since: datetime | None = None


def check_trail(
    store: Store,
    options: CheckOptions,
    anchors: Iterable[Anchor],
    *,
    progress: Progress = silent,
    clock: Clock = utc_now,
) -> Report:
    """Verifies the whole trail, or the part since `options.since`. Raises StoreError when the store cannot be read."""
    report, now = Report(), clock()
    stored = _checkpoints(store, options, now, report)
    _check_events(store, stored, options, now, report, progress)
    _check_kept(store, stored, report)
    for anchor in anchors:
        report.findings += differences(anchor, stored)
        if not anchor.refilled and (missing := missing_numbers(anchor, stored)):
            report.notes.append(f"{anchor.place} lacks {count(len(missing), 'checkpoint')}, the first {missing[0]}")
    return report


def _checkpoints(store: Store, options: CheckOptions, now: datetime, report: Report) -> list[Stored]:
    """Returns the valid checkpoints, oldest first; with `since`, only from the last one before that time."""
    found: list[Stored] = []
    for number, stored in read_checkpoints(store, checkpoint_objects(store), options.keys):
        if not isinstance(stored, Stored):
            report.findings.append(Problem(checkpoint_object(number), stored or "is gone"))
            continue
        found.append(replace(stored, raw=b""))
        if options.since is not None and stored.checkpoint.taken_at < options.since:
            break
    found.reverse()
    report.checkpoints = len(found)
    report.findings += _chain_problems(found, options, now)
    return found


def _chain_problems(found: list[Stored], options: CheckOptions, now: datetime) -> Iterator[Problem]:
    """Yields problems of the chain of checkpoints: gaps, wrong links, dates or signatures, an overdue newest."""
    if not found:
        yield Problem(CHECKPOINTS, "there is no checkpoint: run litekeep monitor, which takes one each time")
        return
    first, newest = found[0].checkpoint, found[-1].checkpoint
    if first.previous is not None and options.since is None and now - first.taken_at < KEPT_FOR:
        yield Problem(checkpoint_object(first.number), "names a checkpoint before it, which is missing")
    for gone in first.vanished:
        yield _vanished(gone, first)
    for before, each in pairwise(found):
        yield from _step_problems(before, each.checkpoint)
    yield from _signature_problems(found, options)
    name = checkpoint_object(newest.number)
    if is_future(newest.taken_at, now):
        yield Problem(name, "is dated in the future")
    elif now - newest.taken_at > _OVERDUE:
        what = f"is the newest, of {rfc3339(newest.taken_at)}: the monitor does not run, or newer ones were removed"
        yield Problem(name, what)


def _step_problems(before: Stored, checkpoint: Checkpoint) -> Iterator[Problem]:
    name = checkpoint_object(checkpoint.number)
    if checkpoint.number != before.checkpoint.number + 1:
        yield Problem(name, f"follows checkpoint {before.checkpoint.number}: those between are missing")
    if checkpoint.previous != before.sha256:
        yield Problem(name, "does not name the one before it, which was changed or inserted")
    if checkpoint.taken_at < before.checkpoint.taken_at:
        yield Problem(name, "is dated before the checkpoint that it follows")
    for gone in checkpoint.vanished:
        if gone not in before.checkpoint.vanished:
            yield _vanished(gone, checkpoint)


def _vanished(backup: str, checkpoint: Checkpoint) -> Problem:
    return Problem(backup, f"was gone at {rfc3339(checkpoint.taken_at)}, without its deletion in the trail")


def _signature_problems(found: list[Stored], options: CheckOptions) -> Iterator[Problem]:
    """Yields unsigned checkpoints after the first signed one, and the newest if it must be signed and none is."""
    signed = False
    for each in found:
        if signed and not each.signed:
            name = checkpoint_object(each.checkpoint.number)
            yield Problem(name, "is not signed by the monitor that the policy names, and those before it are")
        signed = signed or each.signed
    if options.must_sign and not signed:
        name = checkpoint_object(found[-1].checkpoint.number)
        yield Problem(name, "is not signed by the monitor that the policy names")


def _check_events(
    store: Store, stored: list[Stored], options: CheckOptions, now: datetime, report: Report, progress: Progress
) -> None:
    """Reads the stored events, compares them with the checkpoints, and adds findings and counts to the report."""
    covered = {name: (digest, each) for each in stored for name, digest in each.checkpoint.objects.items()}
    begin = stored[0].checkpoint.taken_at - LATE if options.since is not None and stored else None
    listed = list(events_since(store, begin))
    if begin is not None:
        listed = [item for item in listed if not _is_older(item.name, begin)]
        covered = {name: by for name, by in covered.items() if not _is_older(name, begin)}
    there = {item.name for item in listed}
    for name, (_, by) in covered.items():
        if name not in there and now - by.checkpoint.taken_at < KEPT_FOR:
            report.findings.append(Problem(name, f"was removed: it is under checkpoint {by.checkpoint.number}"))
    check = _EventCheck(
        now, isinstance(store, OwnTime) and store.has_own_time, stored[-1].checkpoint if stored else None
    )
    for at in range(0, len(listed), _AT_ONCE):
        progress("check", at, len(listed))
        part = listed[at : at + _AT_ONCE]
        for item, content in zip(part, contents(store, part), strict=True):
            if content is None:
                continue
            report.events += 1
            digest = covered[item.name][0] if item.name in covered else None
            report.uncovered += digest is None
            if what := check.problem(item, content, digest):
                report.findings.append(Problem(item.name, what))
    if options.since is None:
        report.findings += _writer_problems(check.writers)
    if report.uncovered:
        report.notes.append(
            f"not under a checkpoint yet, until litekeep monitor takes one: {count(report.uncovered, 'event')}"
        )
    report.findings += _late_covered(stored)


@dataclass
class _EventCheck:
    """Checks one event after the other. `writers` collects the number, hash and previous hash of the valid ones."""

    now: datetime
    own_time: bool
    newest: Checkpoint | None
    writers: dict[str, list[tuple[int, str, str | None]]] = field(default_factory=lambda: defaultdict(list))

    def problem(self, item: StoredObject, content: bytes, digest: str | None) -> str | None:
        """Returns what is wrong with an event, or None. `digest` is its hash in the checkpoint that covers it."""
        if digest is not None and hashlib.sha256(content).hexdigest() != digest:
            return "was changed since it was under a checkpoint"
        name = parse_event(item.name)
        entry = parse_entry(name, item.name, content) if name and item.size_bytes <= LARGEST else None
        if name is None or entry is None or entry.event is None:
            return "is no event"
        self.writers[name.writer].append((name.number, entry.sha256, entry.previous))
        if digest is None and self.newest is not None and name.at < self.newest.taken_at - LATE:
            return f"is older than checkpoint {self.newest.number} and under none: it was added later"
        if is_future(name.at, self.now):
            return "is dated in the future"
        if digest is None and self.own_time and abs(item.created_at - name.at) > LATE:
            return f"has another time than the store, which stored it at {rfc3339(item.created_at)}"
        return None


def _is_older(name: str, moment: datetime) -> bool:
    event = parse_event(name)
    return event is not None and event.at < moment


def _late_covered(stored: list[Stored]) -> Iterator[Problem]:
    """Yields events under a checkpoint that are dated before the previous one, and so were added later."""
    base: Checkpoint | None = None  # the last checkpoint of the previous run: one run may take several
    for before, each in pairwise(stored):
        if before.checkpoint.taken_at != each.checkpoint.taken_at:
            base = before.checkpoint
        if base is not None:
            for name in each.checkpoint.objects:
                if _is_older(name, base.taken_at - LATE):
                    yield Problem(name, f"was added after checkpoint {base.number}, with an older date")


def _writer_problems(writers: Mapping[str, list[tuple[int, str, str | None]]]) -> Iterator[Problem]:
    """Yields gaps in the numbers of a writer's events, and events that do not name the one before them."""
    for writer, events in writers.items():
        events.sort()
        last, last_digest = 0, None
        for number, digest, previous in events:
            if number != last + 1:
                yield Problem(
                    f"{writer}.{last + 1:06d}", "an event of this writer is missing: removed, or never stored"
                )
            elif previous != last_digest:
                yield Problem(f"{writer}.{number:06d}", "does not name the writer's previous event")
            last, last_digest = number, digest


def _check_kept(store: Store, stored: list[Stored], report: Report) -> None:
    """Compares requests, policies and erasures with the newest checkpoint's inventory."""
    if not stored:
        return
    newest = stored[-1].checkpoint
    try:
        kept = read_inventory(store, newest).kept
    except NotGood as error:
        report.findings.append(Problem(newest.standing, str(error)))
        return
    listed = {item.name: item for prefix in PREFIXES for item in store.list_objects(prefix)}
    report.findings += [Problem(name, "was removed since the newest checkpoint") for name in kept if name not in listed]
    items = [item for name, item in listed.items() if name in kept]
    for item, content in zip(items, contents(store, items, LARGEST_KEPT), strict=True):
        if content is not None and hashlib.sha256(content).hexdigest() != kept[item.name]:
            report.findings.append(Problem(item.name, "was changed since the newest checkpoint"))
