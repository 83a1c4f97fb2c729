"""`python -m tests.docs.record` plays the pages and updates their output where it differs.

Use it when you change a page, and read the difference before you commit it.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.docs.book import chapters
from tests.docs.cases import CASES, Ground, rows_lost_while_others_write
from tests.docs.playing import record
from tests.docs.two_persons import TRANSCRIPTS
from tests.program import running_program
from tests.servers.gcs.proxy import running_proxy
from tests.servers.gcs.server import running_server

_DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    _DOCS / "approvals.md": TRANSCRIPTS,
    _DOCS / "runbook.md": CASES,
    _DOCS / "rows.md": {"a-transcript": rows_lost_while_others_write},
}


def main(only: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="runbook-") as name:
        folder = Path(name)
        with running_server(folder / "log") as port, running_proxy(port) as proxy, running_program() as programs:
            os.environ["STORAGE_EMULATOR_HOST"] = proxy.url
            for path, cases in PAGES.items():
                page = path.read_text()
                for chapter in chapters(page):
                    if chapter.anchor not in cases or (only and chapter.anchor not in only):
                        continue
                    own = folder / chapter.anchor
                    own.mkdir()
                    with cases[chapter.anchor](Ground(own, programs, proxy, port)) as world:
                        page = page.replace(chapter.text, record(chapter, world))
                    path.write_text(page)
                    print(chapter.title, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
