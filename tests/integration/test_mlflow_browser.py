"""MLflow and the model service as a person meets them: one login, a notebook that just works, and pages to decide on."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.tiny_model import tiny_bundle
from tests.support.tracking import Tracking
from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.tracking import register_bundle, request_promotion

SLUG = "flowcam-plankton"
LABELS = load_catalogue()[SLUG].label_names

NOTEBOOK = """
import json, sys
from tidelab.tracking import register_bundle, training_run
with training_run("flowcam-plankton", data_digest="cd" * 32, params={"seed": 2}) as run:
    run.log_metrics({"loss": 0.25})
version = register_bundle(sys.argv[1], "flowcam-plankton", run=run)
print(json.dumps({"notice": run.notice, "name": version.name, "url": run.url}))
"""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900})
    yield made
    made.close()


def sign_in(page: Page, tracking: Tracking, name: str) -> None:
    """Sign in at the hub as a person does."""
    page.goto(f"{tracking.hub.url}hub/login")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", tracking.people[name].password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/hub/home")


def pending(tracking: Tracking, folder: Path, note: str) -> str:
    bundle = tiny_bundle(folder / "bundle", abs(hash(note)) % 10**6, labels=LABELS)
    with tracking.notebook("alice"):
        made = register_bundle(bundle.folder, SLUG, "alice")
        return str(request_promotion(SLUG, made.name, made.version, note)["id"])


def test_one_login_opens_mlflow(tracking: Tracking, context: BrowserContext):
    page = context.new_page()
    failed: list[str] = []
    page.on(
        "response",
        lambda answer: (
            failed.append(answer.url) if answer.status >= 400 and "assistant" not in answer.url else None
        ),
    )
    page.on(
        "request",
        lambda asked: (
            failed.append(asked.url)
            if not asked.url.startswith((tracking.hub.url, "data:", "blob:"))
            else None
        ),
    )
    sign_in(page, tracking, "alice")
    page.goto(f"{tracking.mlflow}/")
    page.get_by_text("alice", exact=True).first.wait_for(timeout=30000)  # MLflow's own page names her
    page.goto(f"{tracking.mlflow}/#/experiments")
    page.get_by_text("Experiments").first.wait_for()
    assert failed == []
    cookie = next(one for one in context.cookies() if one["name"] == "tidelab-mlflow")
    assert cookie["httpOnly"] is True
    assert cookie["sameSite"] == "Lax"
    assert cookie["path"] == "/services/mlflow/"


def test_signing_out_ends_the_session_everywhere(tracking: Tracking, context: BrowserContext):
    page = context.new_page()
    sign_in(page, tracking, "bob")
    for url in (tracking.mlflow, tracking.models):
        page.goto(f"{url}/")
        page.wait_for_url(f"{url}/**")
    page.goto(f"{tracking.models}/logout")
    page.goto(f"{tracking.models}/")
    assert "/hub/login" in page.url


def test_nobody_signs_in_as_somebody_elses_browser(tracking: Tracking):
    session = requests.Session()
    headers = {"Accept": "text/html"}
    answer = session.get(f"{tracking.mlflow}/", headers=headers, allow_redirects=False, timeout=30)
    assert answer.status_code == 302
    assert "code_challenge=" in answer.headers["Location"]
    assert answer.raw.headers.getlist("Set-Cookie")
    assert len(answer.raw.headers.getlist("Set-Cookie")) == 1
    for query in ("", "?code=x", "?code=x&state=guessed", "?state=&code="):
        refused = session.get(
            f"{tracking.mlflow}/oauth_callback{query}", headers=headers, allow_redirects=False, timeout=30
        )
        assert refused.status_code == 403, query
        assert "too old or was started elsewhere" in refused.text
    forged = requests.get(
        f"{tracking.mlflow}/api/2.0/mlflow/experiments/search",
        cookies={"tidelab-mlflow": tracking.tokens["alice"]}, timeout=30,
    )  # fmt: skip
    assert forged.status_code == 401  # a cookie that we did not sign is no cookie


def test_a_write_from_another_site_is_refused(tracking: Tracking, context: BrowserContext):
    page = context.new_page()
    sign_in(page, tracking, "alice")
    page.goto(f"{tracking.mlflow}/")
    page.wait_for_url(f"{tracking.mlflow}/**")
    cookies = {
        one["name"]: one["value"]
        for one in context.cookies(f"{tracking.mlflow}/")
        if one["name"].startswith("tidelab")
    }
    for number, (headers, status) in enumerate([
        ({}, 403), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": tracking.hub.url.rstrip("/")}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200), ({"Origin": tracking.hub.url.rstrip("/")}, 200),
    ]):  # fmt: skip
        answer = requests.post(
            f"{tracking.mlflow}/ajax-api/2.0/mlflow/experiments/create", json={"name": f"site{number}/alice"},
            cookies=cookies, headers=headers, timeout=30,
        )  # fmt: skip
        assert answer.status_code == status, (headers, answer.text)


def test_the_token_of_a_server_works_in_its_notebook(tracking: Tracking, tmp_path: Path):
    alice = tracking.people["alice"]
    alice.open_lab(SLUG)
    try:
        server = next(
            process for process in psutil.process_iter(["environ"])
            if (process.info["environ"] or {}).get("JUPYTERHUB_USER") == "alice"
            and (process.info["environ"] or {}).get("JUPYTERHUB_SERVER_NAME") == SLUG
        )  # fmt: skip
        environment = server.environ()
        assert environment["MLFLOW_TRACKING_URI"] == tracking.mlflow
        bundle = tiny_bundle(tmp_path / "bundle", 77, labels=LABELS)
        done = subprocess.run(
            [str(paths.env_python("analyse")), "-c", NOTEBOOK, str(bundle.folder)], env=environment, cwd=tmp_path,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout.splitlines()[-1])
        assert (said["notice"], said["name"]) == ("", f"{SLUG}--alice")
        assert said["url"].startswith(tracking.mlflow)
    finally:
        alice.stop_lab(SLUG)


def test_a_maintainer_decides_on_the_page(tracking: Tracking, context: BrowserContext, tmp_path: Path):
    note = "Better on <b>my</b> images <script>document.title = 'broken'</script>"
    identifier = pending(tracking, tmp_path, note)
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    sign_in(page, tracking, "maya")
    page.goto(f"{tracking.models}/requests/{identifier}")
    page.wait_for_url(
        f"{tracking.models}/requests/{identifier}"
    )  # the way back leads to the page that was asked for
    assert page.get_by_text(note).is_visible()
    assert page.title() != "broken"
    page.get_by_role(
        "button", name="Confirm as champion"
    ).click()  # no reason given: the browser asks for one
    assert page.url.endswith(identifier)
    page.fill("textarea[name=reason]", "Measured on the same test images")
    page.get_by_role("button", name="Confirm as champion").click()
    page.get_by_text("Confirm that you have read").wait_for()  # the warnings were not acknowledged
    page.go_back()
    page.fill("textarea[name=reason]", "Measured on the same test images")
    page.check("input[name=acknowledge]")
    page.get_by_role("button", name="Confirm as champion").click()
    page.wait_for_url(f"{tracking.models}/")
    assert page.get_by_text("Measured on the same test images").first.is_visible()
    champion = json.loads((tracking.champions / "champion.json").read_text())
    assert champion["promoted_by"] == "maya"
    for width in (1440, 800):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        ), width
    assert [text for text in errors if "409" not in text] == []


def test_a_form_without_its_token_changes_nothing(
    tracking: Tracking, context: BrowserContext, tmp_path: Path
):
    identifier = pending(tracking, tmp_path, "waiting for a forged form")
    page = context.new_page()
    sign_in(page, tracking, "maya")
    page.goto(f"{tracking.models}/")
    page.wait_for_url(f"{tracking.models}/")
    cookies = {
        one["name"]: one["value"]
        for one in context.cookies(f"{tracking.models}/")
        if one["name"].startswith("tidelab")
    }
    form = {"reason": "forged", "acknowledge": "yes"}
    same = {"Origin": tracking.hub.url.rstrip("/")}
    for act in ("confirm", "decline"):
        url = f"{tracking.models}/requests/{identifier}/{act}"
        for data in (form, {**form, "_xsrf": "guessed"}):
            assert requests.post(url, data=data, cookies=cookies, headers=same, timeout=30).status_code == 403
        assert (
            requests.post(
                url, data=form, cookies=cookies, headers={"Origin": "http://evil.example"}, timeout=30
            ).status_code
            == 403
        )
    api = requests.post(
        f"{tracking.models}/api/promotions/{identifier}/confirm",
        json=form,
        cookies=cookies,
        headers=same,
        timeout=30,
    )
    assert api.status_code == 403
    assert (
        tracking.ask("maya", "GET", f"/api/promotions/{identifier}", service="models").json()["status"]
        == "pending"
    )


def test_pages_show_people_what_is_theirs(tracking: Tracking, context: BrowserContext, tmp_path: Path):
    identifier = pending(tracking, tmp_path, "alice's secret reason")
    page = context.new_page()
    sign_in(page, tracking, "bob")
    page.goto(f"{tracking.models}/")
    page.wait_for_url(f"{tracking.models}/")
    assert "secret reason" not in page.content()
    assert page.get_by_text("of other people").is_visible()
    assert page.get_by_role("link", name="Restore…").count() == 0
    answer = page.goto(f"{tracking.models}/requests/{identifier}")
    assert answer is not None
    assert answer.status == 404
    assert page.get_by_text("There is no such request").is_visible()
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_no_page_names_a_secret(tracking: Tracking):
    assert os.environ.get("JUPYTERHUB_API_TOKEN") is None
    for path in ("/", "/nonsense", "/requests/x", f"/restore/{SLUG}/9"):
        text = tracking.ask("maya", "GET", path, service="models", headers={"Accept": "text/html"}).text
        assert tracking.tokens["maya"] not in text
        assert str(tracking.hub.data) not in text
