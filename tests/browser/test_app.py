"""The app, behind a real hub, in a real Chromium: uploads, closing the tab, other people, hostile names, a full house."""

import asyncio
import contextlib
import json
import random
import time
import zipfile
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tests.support.app_page import READY_MS, AppPage, browser, wait_for_apps
from tests.support.brightness import grey_png
from tests.support.faces import make_case, newest_run
from tests.support.hub import HubClient, RunningHub, wait_for
from tidelab.formats.ecotaxa import validate
from tidelab.runs import RunFolder

SLUG = "brightness-case"
AWAY_S = 30
HOSTILE = "<img src=x onerror=window.hacked=1>.png"


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def hub(tmp_path_factory, cases):
    make_case(cases)
    limits = {
        "TIDELAB_USECASES": str(cases),
        "TIDELAB_APPS_MAX_KERNELS": "4",
        "TIDELAB_APPS_AWAY_S": str(AWAY_S),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setenv(name, value)
        with RunningHub(tmp_path_factory.mktemp("hub"), services=("apps",), **limits) as running:
            yield wait_for_apps(running)


@pytest.fixture(scope="module")
def chrome(chromium):
    with browser(chromium) as started:
        yield started


@pytest.fixture
def tab(hub, chrome):
    """Open tabs by person; at the end none may have asked the network for anything, or met a fault of a script."""
    tabs = []

    def start(name: str, width: int = 1440) -> AppPage:
        tabs.append(AppPage(chrome, hub.client(name), width).sign_in())
        return tabs[-1]

    yield start
    for one in tabs:
        with contextlib.suppress(Exception):
            one.close()
    assert [one.outside for one in tabs if one.outside] == []
    assert [one.problems for one in tabs if one.problems] == []


def noise(path: Path, megabytes: float) -> Path:
    """Write a picture that does not shrink."""
    side = round((megabytes * 1e6 / 3) ** 0.5)
    pixels = np.random.default_rng(round(megabytes)).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "PNG", compress_level=0)
    assert path.stat().st_size > megabytes * 0.99e6
    return path


def test_pictures_of_9_and_12_mb_and_a_zip_of_60_mb_arrive(tab, tmp_path):
    app = tab("ada").open(SLUG)
    large = [noise(tmp_path / "nine.png", 9), noise(tmp_path / "twelve.png", 12)]
    assert app.upload(*large) == "2 files are uploaded."
    app.analyse()
    table = app.download("results.csv").decode()
    assert "nine.png" in table
    assert "twelve.png" in table
    with zipfile.ZipFile(tmp_path / "cruise.zip", "w", zipfile.ZIP_STORED) as archive:
        for number in range(5):
            archive.write(noise(tmp_path / f"part-{number}.png", 12 + number / 10), f"part-{number}.png")
    assert (tmp_path / "cruise.zip").stat().st_size > 60e6
    assert app.upload(tmp_path / "cruise.zip") == "cruise.zip is uploaded."
    app.analyse()
    app.page.get_by_text("Finished: 5 images").wait_for()
    assert app.download("results.csv").count(b"part-") == 5


def test_what_cannot_be_uploaded_is_said_and_the_next_upload_works(tab, tmp_path):
    app = tab("ada").open(SLUG)
    (tmp_path / "a.zip").write_bytes(b"PK")
    assert "zip file among other files" in app.upload(tmp_path / "a.zip", grey_png(tmp_path / "b.png", 5))
    huge = tmp_path / "huge.png"
    with huge.open("wb") as stream:
        stream.truncate(201_000_000)
    app.page.set_input_files("input.tl-upload-input", huge)
    app.page.get_by_text("at most 200 MB can be uploaded at once").wait_for()
    assert app.upload(tmp_path / "b.png") == "1 file is uploaded."


def test_hostile_names_stay_text(tab, tmp_path):
    app = tab("ada").open(SLUG)
    bad = tmp_path / "<svg onload=window.hacked=2>.png"
    bad.touch()
    app.upload(grey_png(tmp_path / HOSTILE, 30), bad)
    app.analyse()
    app.page.get_by_text(HOSTILE, exact=False).first.wait_for()
    app.page.get_by_text(bad.name, exact=False).first.wait_for()
    assert app.page.evaluate("() => window.hacked") is None


def test_closing_the_tab_changes_nothing(tab, hub, cases, tmp_path):
    case = cases / SLUG
    # Pictures that no earlier try has left in the cache, and batches slow enough for a busy machine to look between them.
    height = 16 + random.randrange(200)
    for number in range(300):
        grey_png(
            hub.data / "homes" / "cleo" / "many" / f"{number}.png", number % 250, (20 + number // 250, height)
        )
    (case / "delay").write_text("5.0")
    try:
        app = tab("cleo").open(SLUG).choose("Folder on the hub")
        app.page.locator("select").filter(has_text="Home").select_option("Home")
        app.page.locator("select").filter(has_text="many/").select_option("many/")
        app.page.click("button.tl-analyse")
        app.page.get_by_text("of 300 images").wait_for(timeout=READY_MS)
        app.page.locator("button.tl-analyse:disabled").wait_for()
        app.close()
        runs = hub.data / "homes" / "cleo" / "runs"
        run = RunFolder(newest_run(runs, SLUG))
        assert not run.state().is_over

        again = tab("cleo").open_running(SLUG)
        again.page.get_by_text("of 300 images").wait_for(timeout=READY_MS)
        again.close()
        (case / "delay").unlink()
        wait_for(lambda: run.state().is_over, "the run", 120)
        assert run.state().status == "done"
        assert len(run.results()) == 300
        assert len(list((runs / SLUG).iterdir())) == 1
    finally:
        (case / "delay").unlink(missing_ok=True)

    later = tab("cleo").open(SLUG)
    later.page.get_by_text("Your last analyses").wait_for()
    later.page.get_by_role("button", name="Show", exact=True).click()
    later.results()
    assert later.download("results.csv") == (run.path / "results.csv").read_bytes()
    package = later.download(".zip")
    (tmp_path / "package.zip").write_bytes(package)
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert any(name.endswith("results.csv") for name in archive.namelist())
    # Three hundred images, piece by piece through the kernel; nothing of it stays behind.
    (tmp_path / "ecotaxa.zip").write_bytes(later.download("-ecotaxa.zip"))
    assert validate(tmp_path / "ecotaxa.zip") == []
    with zipfile.ZipFile(tmp_path / "ecotaxa.zip") as archive:
        assert sum(name.startswith("images/") for name in archive.namelist()) == 300
    wait_for(lambda: not list(run.path.glob("products/*-ecotaxa.zip")), "the zip to be removed", 10)
    assert "demonstration model" in later.page.locator(".tl-download-notes").inner_text()
    refused = later.page.locator(".tl-download-button[data-file$='-darwin-core.zip']")
    assert refused.get_attribute("aria-disabled") == "true"
    assert "Not available: An occurrence needs a time" in refused.inner_text()


def test_a_second_press_starts_one_analysis(tab, hub):
    app = tab("dora").open(SLUG).choose("Sample")
    app.page.evaluate(
        "() => { const b = document.querySelector('button.tl-analyse'); b.click(); b.click(); b.click(); }"
    )
    app.results()
    assert len(list((hub.data / "homes" / "dora" / "runs" / SLUG).iterdir())) == 1


def test_an_unknown_app_and_jupyters_interfaces_are_not_there(hub):
    ada = hub.client("ada").signed_in()
    answer = ada.get("services/apps/no-such-app")
    assert (answer.status_code, "There is no such app" in answer.text) == (404, True)
    for path in ("api/contents", "api/kernels", "api/terminals", "api/kernelspecs", "api/sessions", "tree", "lab", "voila/files/analyse.ipynb",
                 f"voila/render/{SLUG}/analyse.ipynb", f"voila/api/contents/{SLUG}/analyse.ipynb", f"{SLUG}/analyse.ipynb"):  # fmt: skip
        assert ada.get(f"services/apps/{path}").status_code == 404, path
    assert "TIDELAB" not in ada.get(f"services/apps/{SLUG}/analyse.ipynb").text


def test_who_is_not_signed_in_sees_the_login(hub):
    assert "/hub/login" in HubClient(hub).get(f"services/apps/{SLUG}").url


def page_of(client: HubClient) -> tuple[str, dict[str, object]]:
    """Open the app without a browser; return the page and what it tells its scripts."""
    text = client.get(f"services/apps/{SLUG}").text
    config = text.partition('id="jupyter-config-data" type="application/json">')[2].partition("</script>")[0]
    return text, json.loads(config) if config else {}


def served(client: HubClient) -> tuple[str, dict[str, object]]:
    """Open the app as `page_of`, once there is a place: a page of a test before may hold one until it is missed."""
    return wait_for(lambda: next((found for found in [page_of(client)] if found[1]), None), "a place", 90)


def end(client: HubClient, kernel: object) -> None:
    """Say farewell as the page does."""
    url = f"{client.hub.url}services/apps/voila/api/shutdown/{kernel}"
    xsrf = next(
        cookie.value for cookie in client.session.cookies if cookie.name == "_xsrf" and "apps" in cookie.path
    )
    answer = client.session.post(
        url, data={"_xsrf": xsrf}, headers={"Origin": client.hub.url.rstrip("/")}, timeout=30
    )
    assert answer.status_code == 204, answer.text


def test_a_page_shows_and_carries_its_own_person_and_its_kernel_is_theirs_alone(hub):
    ada, eve = hub.client("ada").signed_in(), hub.client("eve").signed_in()
    page, config = served(ada)
    assert '<span class="tl-person" title="Signed in as">ada</span>' in page
    assert "@@tidelab" not in page
    eve_page, _ = served(eve)
    assert "eve</span>" in eve_page
    assert "ada" not in eve_page.partition("</header>")[0]
    kernel = config["kernelId"]
    assert ada.get(f"services/apps/api/kernels/{kernel}").status_code == 200
    assert eve.get(f"services/apps/api/kernels/{kernel}").status_code == 404
    assert eve.get(f"services/apps/api/kernels/{kernel}/channels").status_code == 404
    with pytest.raises(AssertionError):
        end(eve, kernel)
    end(ada, kernel)
    assert ada.get(f"services/apps/api/kernels/{kernel}").status_code == 404


def in_a_thread(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine beside Playwright, whose own loop holds this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(asyncio.wait_for(work(), 60))).result()


def test_code_sent_to_the_kernel_is_dropped(hub):
    ada = hub.client("ada").signed_in()
    kernel = served(ada)[1]["kernelId"]

    async def talk() -> list[str]:
        url = f"{hub.url.replace('http', 'ws')}services/apps/api/kernels/{kernel}/channels?session_id=x"
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in ada.session.cookies)
        socket = await websocket_connect(
            HTTPRequest(url, headers={"Cookie": cookies, "Origin": hub.url.rstrip("/")})
        )
        for kind, content in (
            ("execute_request", {"code": "1/0", "silent": False}),
            ("kernel_info_request", {}),
        ):
            header = {
                "msg_id": kind,
                "msg_type": kind,
                "session": "x",
                "username": "",
                "version": "5.3",
                "date": "",
            }
            await socket.write_message(
                json.dumps(
                    {
                        "channel": "shell",
                        "header": header,
                        "parent_header": {},
                        "metadata": {},
                        "content": content,
                    }
                )
            )
        heard: list[str] = []
        while "kernel_info_reply" not in heard:
            heard.append(json.loads(await socket.read_message())["header"]["msg_type"])
        socket.close()
        return heard

    heard = in_a_thread(talk)
    assert not {"execute_reply", "execute_input", "error"} & set(heard)
    end(ada, kernel)


def test_another_site_cannot_open_the_socket(hub):
    ada = hub.client("ada").signed_in()
    kernel = served(ada)[1]["kernelId"]
    url = f"{hub.url.replace('http', 'ws')}services/apps/api/kernels/{kernel}/channels?session_id=y"
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in ada.session.cookies)

    async def connect() -> None:
        await websocket_connect(
            HTTPRequest(url, headers={"Cookie": cookies, "Origin": "https://evil.example"})
        )

    with pytest.raises(HTTPClientError, match="403"):
        in_a_thread(connect)
    end(ada, kernel)


def test_a_full_house_is_polite_and_frees_itself(hub):
    people = [hub.client(name).signed_in() for name in ("p1", "p2", "p3", "p4", "p5")]

    def take_all_places() -> float:
        start = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda client: wait_for(lambda: page_of(client)[1], "a place", 120), people[:4]))
        return time.monotonic() - start

    # A page of a test before may still hold a place; whoever waits for it keeps their own place too long to fill the house.
    while take_all_places() > AWAY_S / 2:
        time.sleep(AWAY_S + 10)
    full = people[4].get(f"services/apps/{SLUG}")
    assert full.status_code == 503
    assert "All places are taken" in full.text
    assert int(full.headers["Retry-After"]) > 0
    # Nobody has a page open: the kernels are ended by themselves.
    wait_for(
        lambda: people[4].get(f"services/apps/{SLUG}").status_code == 200,
        "a place to become free",
        120,
        every=3,
    )


def test_a_new_use_case_is_there_without_a_restart_and_a_removed_one_is_gone(hub, cases):
    ada = hub.client("ada").signed_in()
    case = make_case(cases, "new-case")
    assert ada.get("services/apps/new-case").status_code in (200, 503)
    case.folder.rename(cases.parent / "gone")
    assert ada.get("services/apps/new-case").status_code == 404


def test_the_page_is_pleasant_at_800_pixels(tab, tmp_path):
    app = tab("fay", 800).open(SLUG).choose("Sample").analyse()
    width = app.page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= 800, "nothing scrolls sideways"
    app.page.mouse.move(400, 400)
    before = time.monotonic()
    app.page.mouse.wheel(0, 20_000)
    app.page.wait_for_function("() => window.scrollY > 300", timeout=READY_MS)
    assert time.monotonic() - before < 5
