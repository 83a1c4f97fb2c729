"""The retention rules: which backups to delete, and why each other one is kept. A pure function.

A backup expires at the later of the time promised in its manifest and the time that the current policy gives its kind.
So a shorter BACKUP_RETENTION, a typo in it, or a wrong ENVIRONMENT never shortens what was promised; it only affects
later backups.

An expired backup is still kept if it is

    unreadable       its manifest or an artifact is damaged or missing; an operator must look at it
    future           dated in the future, so a clock was wrong and its age is unknown
    held             on hold, in the main or the copy store
    stays-elsewhere  a copy of a backup that the main store keeps
    newest-verified  the newest verified backup
    last-good        one of the last BACKUP_MIN_KEEP backups not known to be bad, or of as many verified ones
    unproven         no newer one is verified, or one newer than the newest verified one has been unverified for over a
                     day
    failing          one newer than the newest verified one failed its verification, is unreadable, or has a damaged
                     source
    stale            even the newest verified one is expired: backups stopped, or this clock is far ahead
    may-be-needed    another one has a format that this version cannot read, and may need it
    needed           a kept backup needs it (continuous chain)
    too-many         more than half of the database's backups would be deleted in one run, without --force; all points
                     of a continuous chain of one day count as one backup

Backups of a retired database (`litekeep retire`) are not kept for being the last: each is deleted once it expires.

Backups dated in the future, unreadable or known to be bad protect nothing and never count as good. "Newer" refers to
the time a backup was taken. All times are aware datetimes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.clock import is_future
from shared.model.kinds import Kind
from shared.model.promises import VERIFIED_WITHIN
from shared.retention.plan import Candidate, RetentionDecision, RetentionPlan, RetentionPolicy, Rule
from shared.text import count

if TYPE_CHECKING:
    from shared.model.names import BackupName


def plan(backups: Iterable[Candidate], policy: RetentionPolicy, now: datetime) -> RetentionPlan:
    """Decides on every backup, in O(n log n)."""
    by_database: dict[str, list[Candidate]] = {}
    for backup in backups:
        by_database.setdefault(backup.name.database, []).append(backup)
    plans = [
        _Judge(sorted(own, key=_newest_first, reverse=True), policy, now).plan()
        for _, own in sorted(by_database.items())
    ]
    return RetentionPlan(
        tuple(decision for each in plans for decision in each.decisions),
        tuple(line for each in plans for line in each.attention),
        {database: found for each in plans for database, found in each.protectors.items()},
        any(each.refused for each in plans),
    )


def kept_until(backup: Candidate, policy: RetentionPolicy) -> datetime:
    """Returns when a backup expires: the later of the promise in its manifest and the current policy."""
    by_policy = _by_policy(backup, policy)
    return max(by_policy, backup.keep_until or by_policy)


def _by_policy(backup: Candidate, policy: RetentionPolicy) -> datetime:
    try:
        return _started(backup) + policy.lengths[backup.name.kind]
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _newest_first(backup: Candidate) -> tuple[datetime, str, str]:
    return (backup.created_at, backup.name.id, backup.name.kind)


class _Judge:
    """Decides on the backups of one database, given newest first."""

    def __init__(self, own: Sequence[Candidate], policy: RetentionPolicy, now: datetime) -> None:
        self._own = own
        self._policy = policy
        self._now = now
        self._decided: dict[BackupName, RetentionDecision] = {}
        present = [backup for backup in own if backup.created_at <= now]
        good = [backup for backup in present if not backup.bad]
        proven = [backup for backup in present if backup.proven]
        self._newest_proven = proven[0].name if proven else None
        self._unread = next((backup for backup in own if backup.newer_format), None)
        since_proven = present[: present.index(proven[0])] if proven else present
        self._since_proven = {backup.name for backup in since_proven}
        retired = policy.retired.get(own[0].name.database)
        self._retired = retired is not None and all(backup.created_at <= retired for backup in own)
        last = () if self._retired else (*proven[: policy.min_keep], *good[: policy.min_keep])
        self._protectors = {backup.name: backup for backup in last}
        self._standstill = self._rule_that_keeps_all(since_proven, proven[0] if proven else None)

    def plan(self) -> RetentionPlan:
        for backup in self._own:
            ends = kept_until(backup, self._policy)
            rule, reason = self._judge(backup, ends)
            self._decided[backup.name] = RetentionDecision(backup, rule, reason, ends)
        self._keep_needed()
        refused = self._refuse_too_many()
        return RetentionPlan(
            tuple(self._decided[backup.name] for backup in self._own),
            tuple(self._attention()),
            {self._own[0].name.database: tuple(self._protectors.values())},
            refused,
        )

    def _judge(self, backup: Candidate, ends: datetime) -> tuple[Rule, str]:
        if (stays := self._rule_without_others(backup, ends)) is not None:
            return stays
        expired = f"its time ended {_at(ends)} ({self._policy_of(backup)})"
        if self._retired:
            return Rule.EXPIRED, f"its database is retired, and {expired}"
        return self._rule_among_others(backup) or (Rule.EXPIRED, expired)

    def _rule_among_others(self, backup: Candidate) -> tuple[Rule, str] | None:
        if backup.name == self._newest_proven:
            return Rule.NEWEST_VERIFIED, "the newest verified backup of its database"
        if backup.name in self._protectors:
            return Rule.LAST_GOOD, f"one of the last {self._policy.min_keep} good ones of its database"
        if self._standstill is not None:
            return self._standstill
        if backup.name in self._since_proven:
            return Rule.UNPROVEN, "waits for a verified one: nothing newer was verified so far"
        return None

    def _rule_without_others(self, backup: Candidate, ends: datetime) -> tuple[Rule, str] | None:
        if backup.damaged is not None:
            return Rule.UNREADABLE, f"never deleted by itself: {backup.damaged}"
        if backup.created_at > self._now:
            return Rule.FUTURE, f"dated in the future, {_at(backup.created_at)}"
        if backup.held is not None:
            return Rule.HELD, f"held: {backup.held}"
        if ends > self._now:
            return Rule.NOT_EXPIRED, f"kept until {_at(ends)} ({self._policy_of(backup)})"
        if backup.stays_elsewhere is not None:
            return Rule.STAYS_ELSEWHERE, backup.stays_elsewhere
        return None

    def _rule_that_keeps_all(
        self, since_proven: Sequence[Candidate], proven: Candidate | None
    ) -> tuple[Rule, str] | None:
        """Returns the rule that keeps all backups of the database, if any.

        `proven` is the newest verified backup; `since_proven` are newer ones, none of them dated in the future.
        """
        bad = next((backup for backup in since_proven if backup.bad), None)
        late = next((backup for backup in since_proven if self._now - _started(backup) > VERIFIED_WITHIN), None)
        if bad is not None:
            return Rule.FAILING, f"waits for a good one: the newer {bad.name.id} {_problem_of(bad)}"
        if proven is None:
            return Rule.UNPROVEN, "waits for a verified one: no backup of its database was verified so far"
        if late is not None:
            return Rule.UNPROVEN, f"waits for a verified one: the newer {late.name.id} was not verified within a day"
        if kept_until(proven, self._policy) <= self._now:
            return Rule.STALE, (
                f"waits for a newer one: even {proven.name.id}, the newest verified, is past its time "
                "(did backups stop, or is this clock wrong?)"
            )
        if self._unread is not None:
            return Rule.MAY_BE_NEEDED, f"{self._unread.name.id} is of a newer format, and may need it: upgrade Litekeep"
        return None

    def _keep_needed(self) -> None:
        by_id: dict[str, list[BackupName]] = {}
        for backup in self._own:
            by_id.setdefault(backup.name.id, []).append(backup.name)
        staying = [decision.backup for decision in self._decided.values() if not decision.delete]
        while staying:
            kept_backup = staying.pop()
            for name in (name for needed in kept_backup.needs for name in by_id.get(needed, ())):
                if self._decided[name].delete:
                    needed_by = f"{kept_backup.name.id} needs it"
                    self._decided[name] = replace(self._decided[name], rule=Rule.NEEDED, reason=needed_by)
                    staying.append(self._decided[name].backup)

    def _refuse_too_many(self) -> bool:
        going = [decision for decision in self._decided.values() if decision.delete]
        if self._policy.force or self._retired or _weight(each.backup for each in going) * 2 <= _weight(self._own):
            return False
        for decision in going:
            reason = f"{decision.reason}, but more than half would be deleted in one run: use --force if intended"
            self._decided[decision.backup.name] = replace(decision, rule=Rule.TOO_MANY, reason=reason)
        return True

    def _attention(self) -> Iterator[str]:
        database = self._own[0].name.database
        by_rule: dict[Rule, list[RetentionDecision]] = {}
        for backup in self._own:
            decision = self._decided[backup.name]
            by_rule.setdefault(decision.rule, []).append(decision)
        for decision in by_rule.get(Rule.UNREADABLE, ()):
            yield f"{database}: {decision.backup.name.id} is {decision.reason}"
        for decision in by_rule.get(Rule.FUTURE, ()):
            if is_future(decision.backup.created_at, self._now):
                yield f"{database}: {decision.backup.name.id} is {decision.reason}: find out which clock was wrong"
        for rule in (Rule.FAILING, Rule.UNPROVEN, Rule.STALE, Rule.MAY_BE_NEEDED):
            if (stopped := by_rule.get(rule)) and self._standstill is not None:
                yield f"{database}: {_each(stopped)} past its time stays, {stopped[0].reason}"
        if too_many := by_rule.get(Rule.TOO_MANY):
            yield (
                f"{database}: {len(too_many)} of {count(len(self._own), 'backup')} would be deleted, "
                "more than half in one run: see litekeep cleanup --dry-run, and add --force if that is intended"
            )

    def _policy_of(self, backup: Candidate) -> str:
        if backup.keep_until is not None and backup.keep_until > _by_policy(backup, self._policy):
            return f"{backup.name.kind}, as promised when it was taken"
        hours, rest = divmod(int(self._policy.lengths[backup.name.kind].total_seconds()), 3600)
        span = f"{hours} h" if hours % 24 or rest else f"{hours // 24} d"
        return f"{backup.name.kind}: {span}"


def _weight(backups: Iterable[Candidate]) -> int:
    """Returns the number of backups, counting the continuous points of one day as one because they are so many."""
    return len({backup.created_at.date() if backup.name.kind is Kind.CONTINUOUS else backup.name for backup in backups})


def _started(backup: Candidate) -> datetime:
    return max(backup.created_at, backup.stored_at or backup.created_at)


def _problem_of(backup: Candidate) -> str:
    if backup.damaged is not None:
        return "cannot be read"
    return "did not pass its verification" if backup.verified is False else "is of a damaged database"


def _each(decisions: Sequence[RetentionDecision]) -> str:
    return "one backup" if len(decisions) == 1 else f"each of {len(decisions)} backups"


def _at(moment: datetime) -> str:
    return moment.isoformat(" ", "minutes")[:16]  # a tenth of the time of strftime, once a backup
