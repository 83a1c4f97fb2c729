"""docs/fresh-machine.md matches what a machine with only the wheel shows."""

import tempfile
from pathlib import Path

import pytest

from tests.docs.book import Memory, difference
from tests.docs.fresh import PAGE, page
from tests.images.test_wheel import litekeep, wheel  # noqa: F401 - fixtures

pytestmark = pytest.mark.xdist_group("wheel")
# Printed only on machines without systemd.
_NO_SYSTEMD = "systemd does not run here: they start with the next boot"


def test_page_matches_the_terminal(litekeep: Path) -> None:  # noqa: F811 - the fixture
    with tempfile.TemporaryDirectory(prefix="f") as home:
        played = "\n".join(page(litekeep, Path(home)))
    for expected, found in zip(_parts(PAGE.read_text()), _parts(played), strict=True):
        assert difference([expected], [found], Memory()) is None


def _parts(text: str) -> list[str]:
    """Returns each command with its output as one line, because line breaks depend on the length of paths."""
    return [" ".join(part.replace(_NO_SYSTEMD, "").split()) for part in text.split("\n$ ")]
