"""The page of a live analysis plays the stream in Chromium, and shows the newest picture in a browser that cannot."""

import functools
import http.server
import threading
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.support.squares import make_clip, make_detector_case
from tidelab.streams.live.address import Address
from tidelab.streams.live.running import LiveOptions, run_live
from tidelab.streams.model import StreamModel

_SKIP = "window.skip = 0; const now = Date.now; Date.now = () => now() + window.skip;"
"""Time passes in the page when the test says so."""
_NO_HLS = "HTMLMediaElement.prototype.canPlayType = () => '';"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_the_stream_and_its_counts_are_seen(chromium: str, tmp_path: Path, screenshots: Path) -> None:
    model = StreamModel.load(make_detector_case(tmp_path / "use-cases"))
    make_clip(tmp_path / "clip.mp4", frames=40, rate=20, size=(320, 240))
    stop = threading.Event()
    address = Address.parse(f"loop:{tmp_path / 'clip.mp4'}", {})
    out = tmp_path / "out"
    running = threading.Thread(
        target=run_live,
        args=(model, address, out, LiveOptions(interval_s=1, camera="cam1")),
        kwargs={"stop": stop},
    )
    running.start()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(out)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    page_address = f"http://127.0.0.1:{server.server_port}/index.html"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(_SKIP)
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            _until_there(out / "live.m3u8")
            page.goto(page_address)
            _until(page, "video.videoWidth > 0 && video.currentTime > 0.5")
            assert page.evaluate("[video.videoWidth, video.videoHeight]") == [320, 240]
            _until(page, "document.getElementById('words').textContent.includes('frames/s come')")
            assert page.text_content("#word") == "Live"
            assert page.text_content("h1") == "Live: cam1"
            _until(page, "document.querySelectorAll('#rows tr').length === 3")
            rows = page.locator("#rows tr").all_inner_texts()
            assert rows[0].split("\t")[0] == "red"
            assert rows[-1].split("\t") == ["green", "0.00", "0", "0"]
            assert "pictures in the interval of 1 s from 20" in (page.text_content("#when") or "")
            _shoot(page, screenshots, "live-1440")
            page.set_viewport_size({"width": 800, "height": 1000})
            assert page.evaluate("document.documentElement.scrollWidth <= 800")
            _shoot(page, screenshots, "live-800")
            assert page.is_hidden("#picture")
            assert all(url.startswith(f"http://127.0.0.1:{server.server_port}/") for url in asked)

            other = browser.new_page()
            other.add_init_script(_NO_HLS)
            other.goto(page_address)
            _until(other, "picture.naturalWidth === 320")
            assert other.is_visible("#how")
            assert other.is_hidden("#video")
            stop.set()
            running.join(60)
            _until(page, "document.getElementById('word').textContent === 'Stopped'")
            # A process that was killed says nothing any more: its last words are old.
            status = out / "status.json"
            status.write_text(status.read_text().replace('"stopped"', '"reading"'))
            _until(page, "document.getElementById('word').textContent === 'Live'")
            page.evaluate("window.skip = 20000")
            _until(page, "document.getElementById('word').textContent === 'No news'")
            assert "Picture and counts are old" in (page.text_content("#words") or "")
            _shoot(page, screenshots, "live-no-news")
            browser.close()
    finally:
        stop.set()
        running.join(20)
        server.shutdown()
        server.server_close()


def _until(page: Page, condition: str) -> None:
    """Wait for something to be so. Playwright's own waiting compiles text within the page, which the page's policy forbids."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not so after 40 s: {condition}")


def _shoot(page: Page, folder: Path, name: str) -> None:
    page.screenshot(path=str(folder / f"{name}.png"), full_page=True)


def _until_there(path: Path) -> None:
    waited = threading.Event()
    for _ in range(600):
        if path.exists():
            return
        waited.wait(0.05)
    raise AssertionError(f"{path.name} did not appear")
