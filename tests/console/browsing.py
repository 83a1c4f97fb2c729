"""Debian's Chromium, driven by Playwright, with the identity header of a person."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from console.iap import HEADER
from tests.console.deployment import Deployment


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "chromium is not installed: make test installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-lcd-text"]
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """One person in one browser window. `trouble`: console messages, script errors and dialogs of the browser."""

    page: Page
    url: str
    context: BrowserContext
    trouble: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        answer = self.page.goto(self.url + path)
        assert answer is not None
        assert answer.ok, (path, answer.status)
        return self.page


@contextmanager
def visit(browser: Browser, site: Deployment, who: str = "ana@example.com", **options: Any) -> Iterator[Visit]:
    headers = {HEADER: site.issuer.token(who)}
    context = browser.new_context(extra_http_headers=headers, **options)
    context.set_default_timeout(20_000)
    try:
        page = context.new_page()
        made = Visit(page, site.url, context)
        page.on("console", lambda message: made.trouble.append(message.text))
        page.on("pageerror", lambda error: made.trouble.append(str(error)))
        page.on("dialog", lambda dialog: (made.trouble.append(dialog.message), dialog.dismiss()))
        yield made
    finally:
        context.close()
