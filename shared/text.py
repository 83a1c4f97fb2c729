"""How values are written for people: sizes, lengths of time, moments, and text that others wrote."""

from datetime import datetime, timedelta


def size(count: int) -> str:
    """`127 MB`: decimal units, as disks and bills count; one decimal below ten."""
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    value, power = float(count), 0
    while value >= 999.5 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    unit = units[power]
    return f"{value:.1f} {unit}" if value < 9.95 and unit != "B" else f"{value:.0f} {unit}"


def age(seconds: float) -> str:
    """`3 h`: the largest unit that is not zero."""
    if seconds < 0:
        return "in the future"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def moment(when: datetime) -> str:
    """`2024-01-15 00:00:00 UTC`; `when` is in UTC."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def printable(text: str, instead: str = "\N{REPLACEMENT CHARACTER}") -> str:
    """Returns the text with `instead` for each character that could end a line or steer a terminal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else instead for character in text)


def span(length: timedelta) -> str:
    """`26 h`: in the largest unit of which there are three; `48 h` rather than two days."""
    seconds = length.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 3 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def duration(seconds: float) -> str:
    """`0.42 s`, `12 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`; seconds are rounded, larger units cut off."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    for unit, length, part, part_length in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            rest = whole % length // part_length
            return f"{whole // length} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{whole} s"
