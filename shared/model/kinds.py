"""Why a backup was taken, and for how long that kind is kept by default."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum


class Kind(StrEnum):
    CONTINUOUS = "continuous"
    DAILY = "daily"
    WEEKLY = "weekly"
    PRE_DEPLOYMENT = "pre-deployment"
    ON_DEMAND = "on-demand"
    MILESTONE = "milestone"

    __hash__ = str.__hash__  # an Enum's own is Python code, and the names of all backups are hashed by it


_EVERYWHERE = {
    Kind.CONTINUOUS: timedelta(days=7),
    Kind.DAILY: timedelta(days=7),
    Kind.WEEKLY: timedelta(days=7),
    Kind.PRE_DEPLOYMENT: timedelta(days=30),
    Kind.ON_DEMAND: timedelta(days=30),
    Kind.MILESTONE: timedelta(days=365),
}
_IN_PRODUCTION = {Kind.DAILY: timedelta(days=30), Kind.WEEKLY: timedelta(days=90)}


def default_retention(environment: str) -> Mapping[Kind, timedelta]:
    """How long each kind is kept in that environment, before any override."""
    return _EVERYWHERE | (_IN_PRODUCTION if environment == "production" else {})


def kind_of_name(name: str | None) -> Kind:
    """The kind that a `--name` implies when none is given."""
    for kind in (Kind.PRE_DEPLOYMENT, Kind.MILESTONE):
        if name is not None and name.startswith(kind):
            return kind
    return Kind.ON_DEMAND
