"""Draws plots as SVG. They contain only numbers, dates and fixed words, never text from a store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from markupsafe import Markup

from shared.text import age, duration, size

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 200, 70, 10, 14, 26
_T = TypeVar("_T")
_MOST_POINTS = 400  # drawn per line
_DAY = 86_400  # seconds


@dataclass(frozen=True)
class Series:
    """A named line of a plot. `points`: moments and values, oldest first."""

    name: str
    points: Sequence[tuple[datetime, float]]


def over_time(title: str, series: Sequence[Series], unit: str, limit: float | None = None) -> Markup:
    """Plots lines over time, from zero up. `unit`: bytes, seconds or rows. `limit`: where to draw a dashed line."""
    shown = [Series(each.name, thinned(each.points)) for each in series if each.points]
    moments = [at for each in shown for at, _ in each.points]
    values = [value for each in shown for _, value in each.points]
    if not moments:
        return Markup()
    begin, end = min(moments), max(moments)
    top = max([*values, limit or 0, 1]) * 1.08
    frame = _PlotArea(begin, max(end - begin, timedelta(seconds=1)), top)
    body = [*_axes(frame, unit, begin, end)]
    for number, each in enumerate(shown[:2]):
        body += _line(frame, each, "two" if number else "one")
    if limit is not None:
        y = frame.y(limit)
        body.append(f'<line class="limit" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
    return _svg(title, _HEIGHT, body)


def bars_of_time(
    title: str, ranges: Sequence[tuple[datetime, datetime]], gaps: Sequence[tuple[datetime, datetime]]
) -> Markup:
    """Plots time ranges and the gaps between them as two bars."""
    moments = [at for each in (*ranges, *gaps) for at in each]
    if not moments:
        return Markup()
    begin, end = min(moments), max(moments)
    frame = _PlotArea(begin, max(end - begin, timedelta(seconds=1)), 1)
    body = []
    for kind, periods, y in (("reach", ranges, 14), ("gap", gaps, 30)):
        for since, until in thinned(periods):
            x = frame.x(since)
            width = max(frame.x(until) - x, 1.5)
            body.append(f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="12"/>')
    body += [
        f'<text x="{_LEFT - 8}" y="{y}" text-anchor="end">{word}</text>' for y, word in ((24, "kept"), (40, "gap"))
    ]
    body += _dates(begin, end, 60)
    return _svg(title, 66, body)


def thinned(points: Sequence[_T]) -> Sequence[_T]:
    """Returns at most 400 of the points, evenly spread, with the first and the last."""
    if len(points) <= _MOST_POINTS:
        return points
    step = (len(points) - 1) / (_MOST_POINTS - 1)
    return [points[round(number * step)] for number in range(_MOST_POINTS)]


@dataclass(frozen=True)
class _PlotArea:
    """Converts moments and values to coordinates."""

    begin: datetime
    span: timedelta
    top: float

    def x(self, at: datetime) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * ((at - self.begin) / self.span)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / self.top


def _axes(frame: _PlotArea, unit: str, begin: datetime, end: datetime) -> Iterator[str]:
    for share in (0, 0.5, 1):
        value = frame.top / 1.08 * share
        y = frame.y(value)
        yield f'<line class="axis" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_value(value, unit)}</text>'
    yield from _dates(begin, end, _HEIGHT - 8)


def _dates(begin: datetime, end: datetime, y: int) -> Iterator[str]:
    form = "%Y-%m-%d" if end - begin >= timedelta(days=2) else "%m-%d %H:%M"
    yield f'<text x="{_LEFT}" y="{y}">{begin.strftime(form)}</text>'
    if end > begin:
        yield f'<text x="{_WIDTH - _RIGHT}" y="{y}" text-anchor="end">{end.strftime(form)}</text>'


def _line(frame: _PlotArea, series: Series, kind: str) -> Iterator[str]:
    coordinates = [(frame.x(at), frame.y(value)) for at, value in series.points]
    if len(coordinates) > 1:
        yield f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in coordinates)}"/>'
    if len(coordinates) <= 60:
        for x, y in coordinates:
            yield f'<circle class="dot-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def _value(value: float, unit: str) -> str:
    if unit == "seconds" and value == 0:
        return "0 s"
    if unit == "bytes":
        return size(round(value))
    if unit == "rows":
        return f"{round(value):,}"
    if _DAY <= value < 2 * _DAY:
        return f"{value / 3600:.0f} h"  # "25 h", the age limit of a daily backup, says more than "1 d"
    return age(value) if value >= 60 else duration(value)


def _svg(title: str, height: int, body: Sequence[str]) -> Markup:
    head = f'<svg class="plot" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}">'
    return Markup("\n".join([f'<p class="title">{title}</p>', head, *body, "</svg>"]))  # noqa: S704 - numbers, dates and fixed words
