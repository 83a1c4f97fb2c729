"""Parses pages of documentation into sessions, whose commands are run and whose output is compared.

    ## Rows lost {the chapter's title gives its anchor}
    ```console
    $ litekeep diff latest
    From A backup-2026-11-29-012436, taken 2026-11-29T01:24:36Z
    $ litekeep verify --backup spoiled    # exit 3
    ```
    <!-- not run: it needs gcloud -->
    ```console
    $ gcloud kms keys versions restore 1
    ```

A line that begins with `$ ` is a command; a trailing backslash continues it on the next line. The following lines are
its output; a line `…` stands for any number of lines. `<!-- not run: REASON -->` before a block says why it is not
run. Times, ids, sizes, durations and hashes differ from run to run, so only their form is compared. Where a later
command has an id of the page, the run uses its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_HEADING = re.compile(r"^## (?P<title>[^\n]+)$", re.MULTILINE)
_EXIT = re.compile(r"\s+# exit (\d+)$")

# Values that differ from run to run; the most specific form comes first.
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
    """A command with its expected output and exit code, and its line on the page."""

    command: str
    output: list[str]
    code: int
    line: int


@dataclass(frozen=True)
class Block:
    """A block of commands; `why_not` is the reason why it is not run, or None."""

    steps: list[Step]
    why_not: str | None
    text: str


@dataclass(frozen=True)
class Chapter:
    """A part of a page under a `##` title."""

    title: str
    text: str
    blocks: list[Block]

    @property
    def anchor(self) -> str:
        return anchor_of(self.title)


def anchor_of(title: str) -> str:
    """Returns the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-")


def chapters(page: str) -> list[Chapter]:
    """Returns the chapters of a page. The text before the first `##` is a chapter with an empty title."""
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
    """The values of the page (ids, times, hashes) with those of this run."""

    names: dict[str, str] = field(default_factory=dict)

    def substitute(self, command: str) -> str:
        """Returns the command with this run's values instead of the page's."""
        for printed in sorted(self.names, key=len, reverse=True):
            command = command.replace(printed, self.names[printed])
        return command

    def learn(self, expected: str, found: str) -> None:
        """Records the values of a line of the page and of the same line of this run."""
        for printed, ours in zip(_VARIABLE.finditer(expected), _VARIABLE.finditer(found), strict=False):
            if printed.lastgroup in _LEARNED and printed.lastgroup == ours.lastgroup:
                self.names.setdefault(printed[0], ours[0])


def difference(expected: list[str], found: list[str], memory: Memory) -> str | None:
    """Returns a message about the first difference between page and run, or None. Records values in `memory`."""
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
            return f"the page has a line that the command did not print: {line}"
        if _form(line) != _form(found[place]):
            return f"the page has:        {line}\nthe command printed: {found[place]}"
        memory.learn(line, found[place])
        place += 1
    return f"the page lacks: {found[place]}" if place < len(found) else None


def _form(line: str) -> str:
    """Returns the line with variable values replaced by their kind, and with normalised column widths."""
    plain = _VARIABLE.sub(lambda found: str(found.lastgroup), line)
    return re.sub(r"─+", "─", " ".join(plain.split()))
