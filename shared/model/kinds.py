"""Kinds of backups and their default retention."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum


class Kind(StrEnum):
    """Why a backup was taken, which decides how long it is kept."""

    CONTINUOUS = "continuous"
    DAILY = "daily"
    WEEKLY = "weekly"
    PRE_DEPLOYMENT = "pre-deployment"
    ON_DEMAND = "on-demand"
    MILESTONE = "milestone"

    __hash__ = str.__hash__  # faster than Enum's own: a listing hashes the name of every backup


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
    """Returns how long each kind is kept in that environment by default."""
    return _EVERYWHERE | (_IN_PRODUCTION if environment == "production" else {})


def kind_of_name(name: str | None) -> Kind:
    """Returns the kind implied by a `--name`, for a backup without `--kind`."""
    for kind in (Kind.PRE_DEPLOYMENT, Kind.MILESTONE):
        if name is not None and name.startswith(kind):
            return kind
    return Kind.ON_DEMAND
