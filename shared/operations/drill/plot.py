"""Draws recovery time over past drills as SVG 1.1: a logarithmic time axis, and one place per drill.

Only numbers and dates go into the drawing, so no text from a store can.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.operations.drill.attempt import Role
from shared.operations.drill.targets import RECOVERY_TIME
from shared.text import count

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 156, 46, 58
_MOST = 24  # drills
_LABELS = 8  # dates along the bottom, at most
_TICKS = {
    0.001: "1 ms", 0.01: "10 ms", 0.1: "0.1 s", 1.0: "1 s", 10.0: "10 s", 60.0: "1 min", 600.0: "10 min",
    3600.0: "1 h", 8 * 3600.0: "8 h", 86400.0: "1 d",
}  # fmt: skip
# Shapes differ too, and the colours differ for readers who cannot tell red from green.
_SERIES = {
    Role.LATEST: ("#0072b2", "latest verified backup"),
    Role.OLDER: ("#8a8a8a", "older backup"),
    Role.COPY: ("#d55e00", "from the copy store"),
    Role.MOMENT: ("#009e73", "any moment"),
}


@dataclass(frozen=True)
class PlottedDrill:
    """One drill, with the recovery times of its successful restores in seconds."""

    held_at: datetime
    passed: bool
    seconds: dict[Role, float]


def draw(points: Sequence[PlottedDrill]) -> str:
    """Returns the plot of the newest 24 drills. `points` are oldest first."""
    shown = points[-_MOST:]
    frame = _Axes(shown)
    body = [*_background(frame), *_targets(frame), *_dates(frame, shown)]
    for role in Role:
        body += _series(frame, shown, role)
    body += _failures(frame, shown)
    return "\n".join([*_head(len(shown)), *body, *_legend(shown), "</svg>", ""])


class _Axes:
    """Coordinates of drills and durations."""

    def __init__(self, points: Sequence[PlottedDrill]) -> None:
        values = [max(value, 0.001) for point in points for value in point.seconds.values()]
        longest = max(target.total_seconds() for target in RECOVERY_TIME.values())
        lowest = min([*values, 1.0])
        self.low = max(tick for tick in _TICKS if tick <= lowest)
        self.high = max([longest * 1.6, *(value * 1.2 for value in values)])
        self._count = len(points)

    def x(self, place: int) -> float:
        width = _WIDTH - _LEFT - _RIGHT
        return _LEFT + width * (place + 0.5) / max(self._count, 1)

    def y(self, seconds: float) -> float:
        share = math.log(max(seconds, self.low) / self.low) / math.log(self.high / self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _head(drills: int) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12">'
    )
    yield f"<title>Recovery time over {count(drills, 'drill')}</title>"
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    yield f'<text x="{_LEFT}" y="22" font-size="15" font-weight="600">Recovery time over past drills</text>'


def _background(frame: _Axes) -> Iterator[str]:
    for seconds, label in _TICKS.items():
        if frame.low <= seconds <= frame.high:
            y = frame.y(seconds)
            yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#e6e6e6"/>'
            yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555555">{label}</text>'


def _targets(frame: _Axes) -> Iterator[str]:
    for scenario, target in RECOVERY_TIME.items():
        y = frame.y(target.total_seconds())
        hours = f"{target.total_seconds() / 3600:g} h"
        yield (
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#444444" '
            'stroke-dasharray="5 4"/>'
        )
        yield f'<text x="{_WIDTH - _RIGHT + 8}" y="{y + 4:.1f}" fill="#444444">{scenario.value}, {hours}</text>'


def _dates(frame: _Axes, points: Sequence[PlottedDrill]) -> Iterator[str]:
    step = max(1, math.ceil(len(points) / _LABELS))
    one_day = len({point.held_at.date() for point in points}) == 1
    for place in range(len(points) - 1, -1, -step):
        label = f"{points[place].held_at:{'%H:%M:%S' if one_day else '%Y-%m-%d'}}"
        x, y = frame.x(place), _HEIGHT - _BOTTOM + 18
        yield f'<text x="{x:.1f}" y="{y}" text-anchor="middle" fill="#555555">{label}</text>'


def _series(frame: _Axes, points: Sequence[PlottedDrill], role: Role) -> Iterator[str]:
    colour, _ = _SERIES[role]
    run: list[str] = []
    for place, point in enumerate([*points, None]):
        if point is not None and role in point.seconds:
            run.append(f"{frame.x(place):.1f},{frame.y(point.seconds[role]):.1f}")
            continue
        if len(run) > 1:  # a drill without this figure leaves a gap in the line
            yield f'<polyline points="{" ".join(run)}" fill="none" stroke="{colour}" stroke-width="2"/>'
        run = []
    for place, point in enumerate(points):
        if role in point.seconds:
            yield _marker(role, frame.x(place), frame.y(point.seconds[role]))


def _marker(role: Role, x: float, y: float) -> str:
    colour, _ = _SERIES[role]
    if role is Role.LATEST:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
    if role is Role.COPY:
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>'
    if role is Role.MOMENT:
        corners = f"{x:.1f},{y - 5:.1f} {x + 5:.1f},{y:.1f} {x:.1f},{y + 5:.1f} {x - 5:.1f},{y:.1f}"
        return f'<polygon points="{corners}" fill="{colour}"/>'
    corners = f"{x:.1f},{y - 5:.1f} {x + 5:.1f},{y + 4:.1f} {x - 5:.1f},{y + 4:.1f}"
    return f'<polygon points="{corners}" fill="{colour}"/>'


def _failures(frame: _Axes, points: Sequence[PlottedDrill]) -> Iterator[str]:
    y = _HEIGHT - _BOTTOM + 32
    for place, point in enumerate(points):
        if not point.passed:
            label = "\u2717 failed" if len(points) <= _LABELS else "\u2717"
            yield f'<text x="{frame.x(place):.1f}" y="{y}" text-anchor="middle" fill="#b00020">{label}</text>'


def _legend(points: Sequence[PlottedDrill]) -> Iterator[str]:
    x = float(_LEFT)
    for role, (_, label) in _SERIES.items():
        if any(role in point.seconds for point in points):
            yield _marker(role, x + 5, _HEIGHT - 12)
            yield f'<text x="{x + 16:.1f}" y="{_HEIGHT - 8}" fill="#333333">{label}</text>'
            x += 34 + 6.4 * len(label)
