"""Pages of documentation as sessions: every block is run and its output compared, or says why it is not.

    ## Rows lost {the anchor is made of it}
    ```console
    $ litekeep diff latest
    From A backup-2026-11-29-012436, taken 2026-11-29T01:24:36Z
    $ litekeep verify --backup spoiled    # exit 3
    ```
    <!-- not run: it needs gcloud -->
    ```console
    $ gcloud kms keys versions restore 1
    ```

A line that begins with `$ ` is a command; one that ends with a backslash goes on in the next. What follows is its
output, where a line `…` stands for any lines. Times, ids, sizes, durations and hashes differ from run to run: they are
compared by their form, and one that appears in an output is put into later commands as the run has it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_HEADING = re.compile(r"^## (?P<title>[^\n]+)$", re.MULTILINE)
_EXIT = re.compile(r"\s+# exit (\d+)$")

# What differs from run to run, most particular first. The first group is kept.
_FORMS = [
    ("MOMENT", r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC)?"),
    ("REQUEST", r"\b\d{8}T\d{6}Z-[a-z0-9]{8}\b"),
    ("ID", r"\b(?:[a-z-]+-)?\d{4}-\d\d-\d\d-\d{6}(?:-[0-9a-z]{4})?\b"),
    ("DAY", r"\b\d{4}-\d\d-\d\d\b"),
    ("HASH", r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b"),
    ("TIME", r"\b\d+(?:\.\d+)? (?:ms|s|min|h|d)(?: \d+ (?:s|min|h))?\b"),
    ("SIZE", r"\b\d[\d.,]* (?:bytes|B|kB|MB|GB)(?![A-Za-z])"),
]
_VARIABLE = re.compile("|".join(f"(?P<{name}>{form})" for name, form in _FORMS))
_LEARNED = frozenset({"MOMENT", "REQUEST", "ID", "HASH"})


@dataclass(frozen=True)
class Step:
    """One command, what it must print, and the code that it must end with."""

    command: str
    output: list[str]
    code: int
    line: int


@dataclass(frozen=True)
class Block:
    """`why_not` is the reason for which it is not run."""

    steps: list[Step]
    why_not: str | None
    text: str


@dataclass(frozen=True)
class Chapter:
    title: str
    text: str
    blocks: list[Block]

    @property
    def anchor(self) -> str:
        return anchor_of(self.title)


def anchor_of(title: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-")


def chapters(page: str) -> list[Chapter]:
    """The parts of a page, each from its `##` to the next; what stands before the first has no title."""
    starts = [(0, "")] + [(found.start(), found["title"]) for found in _HEADING.finditer(page)]
    ends = [start for start, _ in starts[1:]] + [len(page)]
    return [
        Chapter(title, page[start:end], list(_blocks(page, start, end)))
        for (start, title), end in zip(starts, ends, strict=True)
    ]


def _blocks(page: str, start: int, end: int) -> Iterator[Block]:
    for found in _FENCE.finditer(page, start, end):
        first = page.count("\n", 0, found.start("text")) + 1
        yield Block(list(_steps(found["text"], first)), found["why"], found["text"])


def _steps(text: str, first: int) -> Iterator[Step]:
    command, output, at = "", list[str](), first
    lines = text.splitlines()
    place = 0
    while place < len(lines):
        line = lines[place]
        if line.startswith("$ "):
            if command:
                yield _step(command, output, at)
            command, output, at = line[2:], [], first + place
            while command.endswith("\\"):
                place += 1
                command += "\n" + lines[place]
        else:
            output.append(line)
        place += 1
    if command:
        yield _step(command, output, at)


def _step(command: str, output: list[str], line: int) -> Step:
    code = _EXIT.search(command)
    return Step(_EXIT.sub("", command), output, int(code[1]) if code else 0, line)


@dataclass
class Memory:
    """What the page calls a thing, and what this run calls it."""

    names: dict[str, str] = field(default_factory=dict)

    def as_here(self, command: str) -> str:
        for theirs in sorted(self.names, key=len, reverse=True):
            command = command.replace(theirs, self.names[theirs])
        return command

    def learn(self, expected: str, found: str) -> None:
        for theirs, ours in zip(_VARIABLE.finditer(expected), _VARIABLE.finditer(found), strict=False):
            if theirs.lastgroup in _LEARNED and theirs.lastgroup == ours.lastgroup:
                self.names.setdefault(theirs[0], ours[0])


def difference(expected: list[str], found: list[str], memory: Memory) -> str | None:
    """What differs between the printed and the real output, or None; `memory` learns the names."""
    place = 0
    for number, line in enumerate(expected):
        if line.strip() == "…":
            after = _form(expected[number + 1]) if number + 1 < len(expected) else None
            if after is None:
                return None
            while place < len(found) and _form(found[place]) != after:
                place += 1
            continue
        if place >= len(found):
            return f"the page has a line that was not printed: {line}"
        if _form(line) != _form(found[place]):
            return f"the page has:  {line}\nprinted was:   {found[place]}"
        memory.learn(line, found[place])
        place += 1
    return f"the page lacks: {found[place]}" if place < len(found) else None


def _form(line: str) -> str:
    """The line with what differs by run named by its kind, and widths of columns levelled."""
    plain = _VARIABLE.sub(lambda found: str(found.lastgroup), line)
    return re.sub(r"─+", "─", " ".join(plain.split()))
