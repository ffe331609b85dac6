"""A real browser at the desk, which notes whatever a page must not do: call another host, break its policy, fail."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Request

from infra.screenshots import WIDE, chromium
from tests.waiting import wait_until

Json = dict[str, Any]

needs_chromium = pytest.mark.skipif(
    chromium() is None, reason="there is no Chromium on PATH; Debian's package chromium has one"
)
FIRST_ERROR = 400
MOST_TABS = 40
AXE = Path(__file__).parent / "data/axe/axe.min.js"
REFUSED = "Failed to load resource"
"""How Chromium's console begins for each answer from 400 on; which of them are right is for the test to say."""

ARRIVED = """
document.left || document.readyState === "loading" ? 0 : performance.getEntriesByType("navigation")[0].responseStatus
"""
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true});
document.addEventListener("securitypolicyviolation", (event) => console.error("policy: " + event.violatedDirective));
"""


@dataclass
class Window:
    """A person's window. `complaints` are what the console and the pages' errors said."""

    page: Page
    base: str
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._requested)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.base).netloc:
            self.elsewhere.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED):
            self.complaints.append(message.text)

    def open(self, path: str) -> int:
        """Returns the status of the answer."""
        answer = self.page.goto(self.base + path)
        assert answer is not None
        return answer.status

    def sign_in(self, person: str) -> None:
        self.open("/sign-in")
        self.page.get_by_label("Name").fill(person)
        self.leave(lambda: self.page.keyboard.press("Enter"))
        assert self.page.locator(".who strong").inner_text() == person.casefold()

    def leave(self, by: Callable[[], object]) -> int:
        """Does what opens another page, and waits until its scripts have run. Returns the status of the answer."""
        self.page.evaluate("document.left = true")
        by()
        return self.arrive()

    def arrive(self) -> int:
        """Waits for the page that comes after one with `document.left`."""
        return wait_until(self._arrived)

    def _arrived(self) -> int:
        """The status of a page that was not there before; 0 while it is not there."""
        with suppress(Error):  # asked in the moment in which the page changed
            return int(self.page.evaluate(ARRIVED))
        return 0

    def press(self, key: str) -> None:
        """A key that opens another page."""
        status = self.leave(lambda: self.page.keyboard.press(key))
        assert status < FIRST_ERROR, (key, status, self.page.inner_text("main"))

    def tab_to(self, selector: str) -> None:
        """Goes on from what has the focus."""
        for _ in range(MOST_TABS):
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{selector} is not reached by {MOST_TABS} tabs")

    def says(self, text: str) -> Locator:
        """Waits for a visible text."""
        found = self.page.get_by_text(text).first
        found.wait_for()
        return found

    @property
    def part(self) -> str:
        """The part number of the task's page."""
        return self.page.locator("[data-part]").inner_text()

    @property
    def shift(self) -> float:
        """By how much this page has moved since it was opened (CLS)."""
        return float(self.page.evaluate("window.shifted"))

    @property
    def overflow(self) -> int:
        """By how many pixels the document is wider than the window."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(script))

    def barriers(self) -> list[str]:
        """Everything that axe finds serious or critical, by rule and element."""
        self.page.evaluate(AXE.read_text(encoding="utf-8") + "\nundefined")
        found: Json = self.page.evaluate(
            "() => axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a',"
            " 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )
        return [
            f"{each['id']}: {node['target']} {json.dumps(node['any'][:1])[:300]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]


@dataclass
class Windows:
    """Opens windows, and closes them all in the end."""

    browser: Browser
    base: str
    opened: list[Window] = field(default_factory=list)

    def __call__(
        self,
        person: str | None = None,
        *,
        scheme: Literal["light", "dark"] = "light",
        size: tuple[int, int] = WIDE,
        scripts: bool = True,
    ) -> Window:
        """Without a `person` it is the laptop's, ana, who is an operator."""
        context = self.browser.new_context(
            color_scheme=scheme,
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        if scripts:
            context.add_init_script(SHIFTS)
        window = Window(context.new_page(), self.base)
        self.opened.append(window)
        if person:
            window.sign_in(person)
        return window

    def close(self) -> None:
        """Fails when a page called another host or its console complained."""
        for window in self.opened:
            window.page.context.close()
        troubles: Sequence[str] = [
            each for window in self.opened for each in (*window.elsewhere, *window.complaints)
        ]
        assert not troubles, troubles
