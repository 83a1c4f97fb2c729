"""The scenarios of a drill, and the databases they use: the live one, and a place for new ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.databases.location import on_cloud
from shared.errors import UsageError
from shared.operations.drill.due import is_full
from shared.operations.drill.rehearsal import Location
from shared.operations.drill.run import DrillOptions
from shared.operations.drill.targets import Scenario
from shared.settings import Settings
from shared.sqlitecloud.location import CloudLocation
from shared.terminal.parts import source_of
from shared.terminal.policy import check_database

_ALL = "all"
_NAMES = (*(scenario.short for scenario in Scenario), _ALL)


@dataclass(frozen=True)
class DrillRequest:
    """The flags of a drill; all unset if a schedule started it.

    `scenarios` are run alone, `full` runs all of them in addition to the ordinary drill.
    """

    now: bool = False
    full: bool = False
    scenarios: Sequence[Scenario] = ()


def drill_request(*, now: bool, full: bool, names: Sequence[str]) -> DrillRequest:
    """Returns the request of the flags. `full` and `names` imply `now`. Raises UsageError for flags that clash."""
    if names and full:
        raise UsageError("--full runs every scenario: leave out --scenario or --full")
    if unknown := set(names).difference(_NAMES):
        raise UsageError(f"--scenario {min(unknown)!r} is unknown: use one of {', '.join(_NAMES)}")
    wanted = [scenario for scenario in Scenario if _ALL in names or scenario.short in names]
    return DrillRequest(now or full or bool(names), full, wanted)


def with_scenarios(options: DrillOptions, asked: DrillRequest, settings: Settings, today: datetime) -> DrillOptions:
    """Returns the options with the scenarios to run; a scheduled drill runs all in the first month of a quarter."""
    if asked.scenarios:
        options = replace(options, scenarios=asked.scenarios, only_scenarios=True)
    elif asked.full or (not asked.now and is_full(today)):
        options = replace(options, scenarios=list(Scenario))
    if not options.scenarios:
        return options
    return replace(options, live=_live_of(settings), new_location=_new_location_of(settings))


def _live_of(settings: Settings) -> Callable[[str], Location | None]:
    """Returns a function that finds a live database by name: that of DATABASE_URL, or another of its project."""
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


def _new_location_of(settings: Settings) -> Callable[[str], CloudLocation] | None:
    """Returns a function that makes the location of a new database in the project of DATABASE_URL.

    Returns None if that is not a SQLite Cloud project. The policy's targets must allow the location: a drill's database
    is named NAME.drill-….
    """
    project = None if settings.database_url is None else on_cloud(source_of(settings))
    if project is None:
        return None

    def make(name: str) -> CloudLocation:
        target = project.named(name)
        check_database(settings, target.display, "the drill's new database")
        return target

    return make
