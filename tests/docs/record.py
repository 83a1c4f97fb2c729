"""`python -m tests.docs.record`: runs the runbook and writes what it printed into it, where that is not as it was.

For whoever changes the page: read the difference before you commit it.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.docs.book import chapters
from tests.docs.cases import CASES, Ground
from tests.docs.forker import running_forker
from tests.docs.playing import record
from tests.servers.gcs.proxy import running_proxy
from tests.servers.gcs.server import running_server

PAGE = Path(__file__).parents[2] / "docs" / "runbook.md"


def main(only: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="runbook-") as name:
        folder = Path(name)
        with running_server(folder / "log") as port, running_proxy(port) as proxy, running_forker() as programs:
            os.environ["STORAGE_EMULATOR_HOST"] = proxy.url
            page = PAGE.read_text()
            for chapter in chapters(page):
                if chapter.anchor not in CASES or (only and chapter.anchor not in only):
                    continue
                own = folder / chapter.anchor
                own.mkdir()
                with CASES[chapter.anchor](Ground(own, programs, proxy.url, port)) as world:
                    page = page.replace(chapter.text, record(chapter, world))
                PAGE.write_text(page)
                print(chapter.title, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
