"""Formats values for people: counts, sizes, lengths of time, moments, and text from untrusted sources."""

from datetime import datetime, timedelta


def count(number: int, singular: str, plural: str | None = None, *, separator: str = "") -> str:
    """Returns the number with its noun: `1 table`, `3 tables`.

    Give the plural unless it is the singular with an "s": `count(2, "entry", "entries")`. Both may hold a verb:
    `count(2, "backup was", "backups were")`. `separator=","` writes `12,345 rows`.
    """
    noun = singular if number == 1 else plural or f"{singular}s"
    return f"{number:{separator}} {noun}"


def size(amount: int) -> str:
    """Returns a number of bytes as `127 MB`: decimal units, one decimal below ten."""
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    value, power = float(amount), 0
    while value >= 999.5 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    unit = units[power]
    return f"{value:.1f} {unit}" if value < 9.95 and unit != "B" else f"{value:.0f} {unit}"


def age(seconds: float) -> str:
    """Formats an age in its largest non-zero unit: `3 h`."""
    if seconds < 0:
        return "in the future"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def moment(when: datetime) -> str:
    """Formats a time in UTC: `2024-01-15 00:00:00 UTC`."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def printable(text: str, instead: str = "\N{REPLACEMENT CHARACTER}") -> str:
    """Replaces each non-printable character, such as a line break or a terminal escape, by `instead`."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else instead for character in text)


def span(length: timedelta) -> str:
    """Formats a length of time in the largest unit with a value of at least three: `26 h`, `48 h` and not `2 d`."""
    seconds = length.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 3 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def duration(seconds: float) -> str:
    """Formats a duration: `0.42 s`, `12 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`.

    Seconds are rounded, and units below the second one are cut off.
    """
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
