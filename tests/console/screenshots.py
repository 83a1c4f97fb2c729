"""Takes the screenshots of docs/console: `python -m tests.console.screenshots`."""

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.console.browsing import chromium, visit
from tests.console.deployment import deployed
from tests.console.exhibits import furnish
from tests.console.issuer import Issuer, publishing
from tests.console.site import ROOT, Site

FOLDER = ROOT / "docs" / "console"
WIDTHS = (360, 768, 1280)
BEN = "ben@example.com"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="litekeep-") as name:
        site = Site(Path(name) / "srv", Issuer())
        site.folder.mkdir()
        with publishing(site.issuer) as port:
            os.environ["LITEKEEP_IAP_ENDPOINT"] = f"127.0.0.1:{port}"
            site.run("CREATE TABLE users(id INTEGER PRIMARY KEY, name); INSERT INTO users(name) VALUES ('kept')")
            site.backup("first", taken=datetime.now(UTC) - timedelta(days=14))
            furnish(site, days_of_history=12)
            site.with_policy()
            site.more["BACKUP_SCHEDULES"] = "daily=0 0 * * *"
            request = site.ask(reason="orders were deleted at 10:40, ticket 4711")
            with deployed(site.folder, site.environment, site.issuer, port) as console, chromium() as browser:
                pages = {
                    "overview": "/",
                    "database": "/database?name=app.db",
                    "backup": "/backup?kind=daily&database=app.db&id=first",
                    "restore": "/restore?database=app.db&ref=first&how=in-place&plan=1",
                    "requests": "/requests",
                    "request": f"/request?id={request}",
                    "drills": "/drills",
                    "audit": "/audit",
                    "cost": "/cost",
                }
                for width in WIDTHS:
                    for scheme in ("light", "dark") if width == 1280 else ("light",):
                        size = {"width": width, "height": 900}
                        with visit(browser, console, BEN, viewport=size, color_scheme=scheme) as ben:
                            for what, path in pages.items() if scheme == "light" else [("overview-dark", "/")]:
                                page = ben.go(path)
                                height = 1900 if what == "database" else 1200
                                clip = {"x": 0, "y": 0, "width": width, "height": height}
                                file = FOLDER / f"{what}-{width}.png"
                                page.screenshot(path=file, full_page=True, clip=clip)


if __name__ == "__main__":
    main()
