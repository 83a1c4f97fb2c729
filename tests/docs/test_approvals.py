"""docs/approvals.md: restores by two persons run as the page prints them."""

from pathlib import Path

import pytest

from tests.docs.book import chapters
from tests.docs.cases import Ground
from tests.docs.playing import play
from tests.docs.two_persons import TRANSCRIPTS
from tests.servers.gcs.fixtures import gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Proxy

PAGE = Path(__file__).parents[2] / "docs" / "approvals.md"


@pytest.mark.parametrize("anchor", TRANSCRIPTS)
def test_transcript_runs_as_printed(
    anchor: str,
    tmp_path: Path,
    programs: Path,
    gcs: Proxy,  # noqa: F811 - the fixture
    gcs_port: int,  # noqa: F811 - the fixture
) -> None:
    (chapter,) = (each for each in chapters(PAGE.read_text()) if each.anchor == anchor)
    with TRANSCRIPTS[anchor](Ground(tmp_path, programs, gcs, gcs_port)) as world:
        play(chapter, world)
