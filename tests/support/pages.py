"""A person's browser: signed in, with the small waits and looks that several browser tests need.

Screenshots go to ``$TIDELAB_SCREENSHOTS``, or to a temporary folder that pytest prints with ``--basetemp``.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

USE_CASE = "Phytoplankton from FlowCam images"
WIDTHS_PX = (1440, 800)
SLOW_MS = 120_000
"""A kernel starts in a second; on a machine with one busy core it may take a minute."""


@dataclass
class Person:
    """One browser window, and everything in it that went wrong."""

    page: Page
    address: str
    pictures: Path
    faults: list[str] = field(default_factory=list)

    def sign_in(self, user: str, password: str) -> None:
        """Fill in the login form and arrive at the cards."""
        self.page.goto(self.address)
        self.page.get_by_label("Name", exact=True).fill(user)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/hub/home")
        expect(self.page.get_by_role("heading", name=USE_CASE)).to_be_visible()

    def photograph(self, name: str, *, focus: Locator | None = None) -> None:
        """Take a picture at each width a person may have: of the whole page, or of the window with `focus` in it."""
        size = self.page.viewport_size
        for width in WIDTHS_PX:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.wait_for_timeout(400)  # the page lays itself out again
            if focus is not None:
                focus.evaluate("element => element.scrollIntoView({block: 'start'})")
                self.page.wait_for_timeout(400)
            self.page.screenshot(path=self.pictures / f"{name}-{width}.png", full_page=focus is None)
        if size:
            self.page.set_viewport_size(size)

    def never_scrolls_sideways(self) -> None:
        """No page is wider than its window: on a tablet nobody finds what is outside."""
        wider = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wider <= 0, f"{self.page.url} is {wider} px wider than its window"


@contextlib.contextmanager
def person(chromium: str, address: str, pictures: Path) -> Iterator[Person]:
    """Open a browser window; afterwards no answer of the server may have been an error."""
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": WIDTHS_PX[0], "height": 900}, accept_downloads=True)
        context.set_default_timeout(SLOW_MS)
        page = context.new_page()
        someone = Person(page, address, pictures)
        page.on(
            "pageerror", lambda error: someone.faults.append(f"script: {(error.stack or str(error))[:600]}")
        )
        page.on(
            "response",
            lambda answer: (
                someone.faults.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None
            ),
        )
        try:
            yield someone
        except BaseException:
            with contextlib.suppress(Exception):
                page.screenshot(path=pictures / "failed.png", full_page=True)
            raise
        finally:
            context.close()
            browser.close()


def pictures_folder(fallback: Path) -> Path:
    """Return the folder of the screenshots."""
    folder = Path(os.environ.get("TIDELAB_SCREENSHOTS") or fallback)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def verdict_of(page: Page) -> Locator:
    """Return the banner with the verdict."""
    return page.locator(".tl-banner")


def table_of_counts(page: Page) -> dict[str, int]:
    """Return class -> images, as a person reads them in the table."""
    rows = page.locator(".tl-counts tbody tr")
    found = {}
    for row in rows.all():
        # Lab draws what is in sight, and a moment later: what is not drawn has no words.
        row.scroll_into_view_if_needed()
        expect(row.locator("td").nth(2)).to_have_text(re.compile(r"\d"), use_inner_text=True, timeout=SLOW_MS)
        cells = row.locator("td").all_inner_texts()
        found[cells[0].strip().splitlines()[0]] = int(cells[2].replace(",", ""))
    return found


def answer_dialogs(page: Page) -> None:
    """Answer what Lab asks by its last button, and print it: another tab may have saved the same notebook meanwhile."""

    def answer(dialog: Locator) -> None:
        print("Lab asked:", " ".join(dialog.inner_text().split())[:300], flush=True)
        dialog.get_by_role("button").last.click()

    page.add_locator_handler(page.locator("dialog.jp-Dialog").first, answer)


def run_all_cells(page: Page, said: str) -> None:
    """Run → Run All Cells in Lab, as the menu does it, once the kernel is there; wait until the form says `said`.

    Outputs that were saved by an earlier run are cleared first, for they say the same; and other notebooks that Lab opened again with
    their tabs do not count, for only the one in front is run.
    """
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(panel.locator(".jp-Notebook")).to_be_visible(timeout=SLOW_MS)
    expect(panel.locator(".jp-NotebookPanel-toolbar").get_by_text("Tidelab: analyse")).to_be_visible(
        timeout=SLOW_MS
    )
    expect(panel.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached(timeout=SLOW_MS)
    _wait_for_session(page)
    _choose(page, "Edit", "Clear Outputs of All Cells")
    expect(panel.get_by_text(said)).not_to_be_attached(timeout=SLOW_MS)
    _choose(page, "Run", "Run All Cells")
    expect(panel.get_by_text(said)).to_be_attached(timeout=SLOW_MS)


def _wait_for_session(page: Page) -> None:
    """Wait until the server has a kernel for the notebook in front: cells that are run before each try to start one, and Lab then asks for one."""
    server, _, _ = page.url.partition("/lab")
    notebook = page.locator("#jp-main-dock-panel .lm-TabBar-tab.lm-mod-current").first.inner_text().strip()
    for _ in range(SLOW_MS // 500):
        sessions = page.request.get(f"{server}/api/sessions").json()
        if any(Path(one["path"]).name == notebook and one["kernel"] for one in sessions):
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"no kernel was started for {notebook}")


def _choose(page: Page, menu: str, item: str) -> None:
    page.locator(".lm-MenuBar-itemLabel").get_by_text(menu, exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()
