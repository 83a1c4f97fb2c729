"""docs/runbook.md: each chapter runs as printed, in the situation that it is for. This takes long: 70 commands."""

import re
from pathlib import Path

import pytest

from tests.docs.book import Chapter, chapters
from tests.docs.cases import CASES, Ground, rows_lost_while_others_write
from tests.docs.playing import play
from tests.servers.gcs.fixtures import gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Proxy

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "runbook.md"
_PARTS = ("**You see**", "**Decide**", "**It worked if**", "**Tell**", "**Afterwards**")
_NOT_SCENARIOS = {"", "alerts"}


def _chapters() -> dict[str, Chapter]:
    return {chapter.anchor: chapter for chapter in chapters(PAGE.read_text())}


@pytest.mark.parametrize("anchor", sorted(CASES))
def test_chapter_runs_as_printed(
    anchor: str,
    tmp_path: Path,
    programs: Path,
    gcs: Proxy,  # noqa: F811 - the fixture
    gcs_port: int,  # noqa: F811 - the fixture
) -> None:
    with CASES[anchor](Ground(tmp_path, programs, gcs, gcs_port)) as world:
        play(_chapters()[anchor], world)


def test_rows_transcript_runs_as_printed_during_writes(
    tmp_path: Path,
    programs: Path,
    gcs: Proxy,  # noqa: F811 - the fixture
    gcs_port: int,  # noqa: F811 - the fixture
) -> None:
    page = {chapter.anchor: chapter for chapter in chapters((ROOT / "docs" / "rows.md").read_text())}
    with rows_lost_while_others_write(Ground(tmp_path, programs, gcs, gcs_port)) as world:
        play(page["a-transcript"], world)


def test_every_scenario_has_a_case_all_parts_and_a_table_row() -> None:
    found = {anchor: chapter for anchor, chapter in _chapters().items() if anchor not in _NOT_SCENARIOS}
    assert found.keys() == CASES.keys()
    for chapter in found.values():
        places = [chapter.text.find(part) for part in _PARTS]
        assert -1 not in places, chapter.title
        assert [part for _, part in sorted(zip(places, _PARTS, strict=True))] == list(_PARTS), chapter.title
    top = _chapters()[""].text
    assert set(re.findall(r"^\| .* \| \[[^]]+\]\(#([a-z-]+)\) \|$", top, re.MULTILINE)) == set(CASES)


def test_every_block_runs_or_has_a_reason() -> None:
    page = PAGE.read_text()
    blocks = [block for chapter in chapters(page) for block in chapter.blocks]
    assert page.count("\n```") == 2 * len(blocks)
    assert all(block.steps and block.text.startswith("$ ") for block in blocks)
    assert sum(block.why_not is None for block in blocks) > 4 * sum(block.why_not is not None for block in blocks)


def test_every_alert_has_an_anchor_and_a_chapter() -> None:
    alerts = set[str]()
    for file in sorted((ROOT / "terraform").glob("alerts_*.tf")):
        alerts |= set(re.findall(r"^    ([a-z-]+) = \{$", file.read_text(), re.MULTILINE))
        assert 'runbook_url}#${each.key}"' in file.read_text()
    rows = dict(re.findall(r'^\| <a id="([a-z-]+)"></a>.*\(#([a-z-]+)\) \|$', PAGE.read_text(), re.MULTILINE))
    assert rows.keys() == alerts
    assert set(rows.values()) <= CASES.keys()


def test_links_to_other_pages_resolve() -> None:
    for file, anchor in re.findall(r"\]\(([a-z-]+\.md)(?:#([a-z-]+))?\)", PAGE.read_text()):
        there = {chapter.anchor for chapter in chapters((ROOT / "docs" / file).read_text())}
        assert not anchor or anchor in there, (file, anchor)
