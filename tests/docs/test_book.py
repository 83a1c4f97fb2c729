"""The runner of pages reports differences, except in values that change from run to run."""

from tests.docs.book import Memory, chapters, difference

_PAGE = """# Page

## Rows lost
```console
$ litekeep show \\
    latest    # exit 3
id  backup-2026-01-01-000000
…
end
```
<!-- not run: no network -->
```console
$ curl
```
"""


def test_page_is_parsed_into_chapters_and_steps() -> None:
    chapter = chapters(_PAGE)[1]
    run, not_run = chapter.blocks
    assert chapter.anchor == "rows-lost"
    assert (run.steps[0].command, run.steps[0].code, run.steps[0].line) == ("litekeep show \\\n    latest", 3, 5)
    assert run.steps[0].output == ["id  backup-2026-01-01-000000", "…", "end"]
    assert (not_run.why_not, run.why_not) == ("no network", None)


def test_only_times_ids_sizes_and_widths_may_differ() -> None:
    printed = ["backup-2026-01-01-000000  12 s  90 kB  973 rows", "─────"]
    assert (
        difference(printed, ["backup-2027-11-29-120000-ab12   3 min 4 s   1.2 MB   973 rows", "──"], Memory()) is None
    )
    for other in (
        ["backup-2026-01-01-000000  12 s  90 kB  974 rows", "─────"],
        ["backup-2026-01-01-000000  12 s  90 kB  973 rows"],
        [*printed, "and more"],
    ):
        assert difference(printed, other, Memory()) is not None


def test_ellipsis_ends_at_the_next_printed_line() -> None:
    assert difference(["a", "…", "end"], ["a", "b", "c", "end"], Memory()) is None
    assert difference(["a", "…", "end"], ["a", "b"], Memory()) is not None


def test_ids_in_output_are_substituted_in_later_commands() -> None:
    memory = Memory()
    difference(["kept: before-restore-2026-01-01-000000"], ["kept: before-restore-2027-02-03-040506"], memory)
    assert memory.substitute("restore --backup before-restore-2026-01-01-000000") == (
        "restore --backup before-restore-2027-02-03-040506"
    )
