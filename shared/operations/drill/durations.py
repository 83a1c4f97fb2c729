"""How long, for people: two units at most."""


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
