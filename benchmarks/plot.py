"""An SVG of time against size, with two logarithmic axes, so that linear growth has slope one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 420, 60, 230, 30, 50
_COLOURS = ("#0b6e4f", "#3aa17e", "#1f5fa8", "#74a9d8", "#b5442e", "#e0937f", "#7a5195", "#8a8a8a", "#c9a227")


@dataclass(frozen=True)
class Line:
    """One contender: (megabytes, seconds) for each size."""

    name: str
    points: tuple[tuple[float, float], ...]


def draw(lines: Sequence[Line]) -> str:
    """Returns the SVG document. At least one line must have a point."""
    points = [point for line in lines for point in line.points]
    across = _Scale([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _Scale([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12"><title>Seconds against megabytes</title>'
    )
    parts = [
        head,
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for value in across.ticks:
        x = across.at(value)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{value:g} MB</text>')
    for value in up.ticks:
        y = up.at(value)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g} s</text>')
    parts += [_line(line, number, across, up) for number, line in enumerate(lines)]
    return "\n".join([*parts, "</svg>", ""])


class _Scale:
    """A logarithmic axis from `begin` to `end` in pixels, extended to whole powers of ten."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        self._begin, self._end = begin, end

    @property
    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]

    def at(self, value: float) -> float:
        part = (math.log10(value) - self._low) / (self._high - self._low)
        return self._begin + part * (self._end - self._begin)


def _line(line: Line, number: int, across: _Scale, up: _Scale) -> str:
    colour = _COLOURS[number % len(_COLOURS)]
    places = [(across.at(x), up.at(y)) for x, y in sorted(line.points)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    y = _TOP + 12 + number * 20
    x = _WIDTH - _RIGHT + 16
    curve = f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    key = f'<path d="M{x} {y - 4}h18" stroke="{colour}" stroke-width="2"/>'
    return f'{curve}{dots}{key}<text x="{x + 24}" y="{y}">{_safe(line.name)}</text>'


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
