"""HTML and SVG of people, opened by their address behind the hub: whatever runs in them runs as nobody.

The page under attack is signed in at the hub. Each file tries to read the cookies and to fetch the hub's home page as the person
who looks, and writes what it could do into its title; the same script is first run on a page of the hub, where both succeed.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.integration.test_mlflow_browser import sign_in
from tests.support.tracking import Tracking

SLUG = "flowcam-plankton"
SCRIPT = """
(async () => {
  let said = "ran;";
  try { said += document.cookie === null ? "" : "cookies;"; } catch { said += "no cookies;"; }
  try {
    const page = await fetch("/hub/home", {credentials: "include"});
    said += (await page.text()).includes("hub/logout") ? "fetched;" : "fetched nothing;";
  } catch { said += "no fetch;"; }
  document.title = said;
  document.documentElement.setAttribute("data-said", said);
})();
"""
HTML = f'<!doctype html><title>quiet</title><p>seen</p><script>{SCRIPT}</script><img src=x onerror="{SCRIPT.replace(chr(34), "&quot;")}">'
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>quiet</title><script><![CDATA[{SCRIPT}]]></script></svg>'
NAMED = "<img src=x onerror=document.title=1>"
HARMLESS = {"", "quiet", "ran;no cookies;no fetch;"}


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@pytest.fixture
def page(chrome: Browser, tracking: Tracking) -> Iterator[Page]:
    context: BrowserContext = chrome.new_context(accept_downloads=True)
    made = context.new_page()
    sign_in(made, tracking, "alice")
    yield made
    context.close()


def said(page: Page) -> str:
    """Wait for what the script says; a script that does not run says nothing."""
    page.wait_for_timeout(1500)
    return str(page.evaluate("document.documentElement.getAttribute('data-said') || ''"))


def opened(page: Page, url: str) -> None:
    """Open a page of a server; the first visit of a browser goes by way of the hub, and may meet a server that is still busy starting."""
    for _ in range(3):
        answer = page.goto(url, timeout=60_000)
        if answer and answer.status == 200 and "/files/" in page.url:
            return
        page.wait_for_timeout(1000)
    raise AssertionError(f"{url} led to {page.url}: {page.content()[:1000]}")


def test_the_script_can_be_harmful(page: Page) -> None:
    page.evaluate(SCRIPT)
    assert said(page) == "ran;cookies;fetched;", "otherwise the tests below prove nothing"


@pytest.mark.parametrize(("suffix", "content"), [("html", HTML), ("svg", SVG), ("htm", HTML), ("xhtml", SVG)])
def test_files_of_a_lab(page: Page, tracking: Tracking, suffix: str, content: str) -> None:
    alice = tracking.people["alice"]
    if not alice.ready_server(SLUG):
        alice.open_lab(SLUG)
    name = f"{NAMED}.{suffix}"
    (tracking.hub.data / "homes" / "alice" / name).write_text(content)
    answer = alice.lab(SLUG, f"files/{name}")
    assert answer.status_code == 200, (answer.url, answer.text[:500])
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "allow-same-origin" not in answer.headers["Content-Security-Policy"]
    opened(page, f"{tracking.hub.url}user/alice/{SLUG}/files/{name}")
    assert said(page) in HARMLESS, page.url
    assert page.evaluate("window.origin") == "null", page.url


def test_a_notebook_turned_into_a_page(page: Page, tracking: Tracking) -> None:
    import nbformat

    notebook = nbformat.v4.new_notebook()
    cell = nbformat.v4.new_code_cell("1")
    cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": f"<script>{SCRIPT}</script>"})]
    notebook.cells = [cell]
    alice = tracking.people["alice"]
    if not alice.ready_server(SLUG):
        alice.open_lab(SLUG)
    nbformat.write(notebook, tracking.hub.data / "homes" / "alice" / "evil.ipynb")
    assert page.goto(f"{tracking.hub.url}user/alice/{SLUG}/nbconvert/html/evil.ipynb").status == 200  # type: ignore[union-attr]
    assert said(page) in HARMLESS


@pytest.fixture(scope="module")
def run(tracking: Tracking) -> str:
    """A training run of alice with hostile files, and hostile words wherever words are taken."""
    import mlflow

    with tracking.notebook("alice"):
        mlflow.set_tracking_uri(tracking.mlflow)
        mlflow.set_experiment(f"{SLUG}/alice")
        with mlflow.start_run(run_name=NAMED) as started:
            mlflow.log_text(HTML, "evil.html")
            mlflow.log_text(SVG, "evil.svg")
            mlflow.log_text(HTML, f"{NAMED}.html".replace("/", ""))
            mlflow.log_param("p", NAMED)
            mlflow.set_tags(
                {
                    "mlflow.note.content": f"{NAMED} <script>{SCRIPT}</script>",
                    "said": NAMED,
                }
            )
        return str(started.info.run_id)


@pytest.mark.parametrize("name", ["evil.html", "evil.svg"])
def test_files_of_mlflow(page: Page, tracking: Tracking, run: str, name: str) -> None:
    page.goto(f"{tracking.mlflow}/")
    address = f"{tracking.mlflow}/get-artifact?path={name}&run_uuid={run}"
    headers = page.request.get(address).headers
    assert "sandbox" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    with page.expect_download() as waiting:
        page.evaluate("address => { location.href = address }", address)
    assert waiting.value.suggested_filename == name


def test_pages_of_mlflow_show_hostile_words_and_files(page: Page, tracking: Tracking, run: str) -> None:
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if "Content Security" in line.text else None)
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    experiment = tracking.ask("alice", "GET", f"/api/2.0/mlflow/runs/get?run_id={run}").json()["run"]["info"][
        "experiment_id"
    ]
    page.goto(f"{tracking.mlflow}/#/experiments/{experiment}/runs/{run}")
    page.get_by_text(NAMED).first.wait_for(timeout=60_000)
    page.wait_for_timeout(1000)
    assert not page.evaluate("document.documentElement.hasAttribute('data-said')")
    assert page.title() != "1"
    assert refused == [], "MLflow's own pages do without what the policy forbids"
    page.goto(f"{tracking.mlflow}/#/experiments/{experiment}/runs/{run}/artifacts/evil.html")
    frame = page.frame_locator("iframe.mlflow-html-iframe")
    frame.get_by_text("seen").wait_for(timeout=60_000)
    assert frame.locator("html").get_attribute("data-said") in (None, "ran;no cookies;no fetch;")
    assert failed == []
    (page_policy,) = {page.request.get(f"{tracking.mlflow}/").headers["content-security-policy"]}
    assert "'unsafe-inline'" not in page_policy.partition("script-src")[2].partition(";")[0]
