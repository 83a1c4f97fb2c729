"""What a full drill takes of the settings: which scenarios, the live database, and a place for a new one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.databases.location import on_cloud
from shared.errors import UsageError
from shared.operations.drill import DrillOrder
from shared.operations.drill.due import is_full
from shared.operations.drill.rehearsal import Location
from shared.operations.drill.targets import Scenario
from shared.settings import Settings
from shared.sqlitecloud.location import CloudLocation
from shared.terminal.parts import source_of
from shared.terminal.policy import check_database

_ALL = "all"
_NAMES = (*(scenario.short for scenario in Scenario), _ALL)


@dataclass(frozen=True)
class Asked:
    """What a person asked for; nothing of it by a schedule. `scenarios` are played alone, `full` beside the rest."""

    now: bool = False
    full: bool = False
    scenarios: Sequence[Scenario] = ()


def asked_for(*, now: bool, full: bool, names: Sequence[str]) -> Asked:
    """Of flags. Whoever names a scenario, or wants all, wants them now. Raises UsageError for flags that clash."""
    if names and full:
        raise UsageError("--full plays every scenario: leave --scenario out, or --full")
    if unknown := set(names).difference(_NAMES):
        raise UsageError(f"--scenario {min(unknown)!r} is none: allowed are {', '.join(_NAMES)}")
    wanted = [scenario for scenario in Scenario if _ALL in names or scenario.short in names]
    return Asked(now or full or bool(names), full, wanted)


def with_scenarios(order: DrillOrder, asked: Asked, settings: Settings, today: datetime) -> DrillOrder:
    """The order with what is to be played: by a schedule, everything in the first month of a quarter."""
    if asked.scenarios:
        order = replace(order, scenarios=asked.scenarios, only_scenarios=True)
    elif asked.full or (not asked.now and is_full(today)):
        order = replace(order, scenarios=list(Scenario))
    if not order.scenarios:
        return order
    return replace(order, live=_live_of(settings), beside=_beside_of(settings))


def _live_of(settings: Settings) -> Callable[[str], Location | None]:
    """Where a database is now, as far as DATABASE_URL tells: that very one, or another of the same project."""
    if settings.database_url is None:
        return lambda _database: None
    source = source_of(settings)

    def find(database: str) -> Location | None:
        if source.database == database:
            return source
        if (project := on_cloud(source)) is None:
            return None
        found = project.named(database)
        check_database(settings, found.display, "DATABASE_URL")
        return found

    return find


def _beside_of(settings: Settings) -> Callable[[str], CloudLocation] | None:
    """Makes the location of a new database on the project of DATABASE_URL; None if that is no SQLite Cloud project.

    The policy's targets must allow the location: a drill's database is named NAME.drill-….
    """
    project = None if settings.database_url is None else on_cloud(source_of(settings))
    if project is None:
        return None

    def make(name: str) -> CloudLocation:
        target = project.named(name)
        check_database(settings, target.display, "the drill's new database")
        return target

    return make
