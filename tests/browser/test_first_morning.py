"""The first morning of someone who has never programmed: sign in, open the app, upload, analyse, take the table home."""

import csv
import hashlib
import io
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.support.pages import SLOW_MS, USE_CASE, Person, table_of_counts, verdict_of
from tidelab import paths
from tidelab.domain.results import RESULT_COLUMNS
from tidelab.drift.words import DEMO


@pytest.fixture(scope="module")
def images() -> list[Path]:
    """Real FlowCam images where they lie beside the checkout, else the generated sample."""
    shared = Path(os.environ.get("TIDELAB_SHARED", paths.checkout().parent / "shared"))
    real = sorted((shared / "data/flowcam-plankton/phyto/data/demo-images").glob("*/*.jpg"))
    if not real:
        print(f"no real FlowCam images below {shared}: the generated sample is uploaded instead")
    return real or sorted((paths.checkout() / "notebooks/flowcam-plankton/sample").rglob("*.jpg"))


def test_the_cards_say_what_goes_in_what_comes_out_and_how_good_the_model_is(ada: Person) -> None:
    card = ada.page.get_by_role("article", name=USE_CASE)
    for words in (
        "FlowCam image crops",
        "A table of counts per class",
        "DEMO MODEL",
        "generated test images",
    ):
        expect(card).to_contain_text(words)
    ada.photograph("home")
    for width in (1440, 800, 400):
        ada.page.set_viewport_size({"width": width, "height": 900})
        ada.never_scrolls_sideways()


def test_a_button_that_was_away_comes_back_without_a_reload(ada: Person) -> None:
    """The page is first shown as it is while the apps do not answer."""
    link = ada.page.get_by_role("link", name=f"Analyse: {USE_CASE}")

    def without_apps(route: Route) -> None:
        page = route.fetch().text()
        page = page.replace('<div id="troubles">', '<div id="troubles" data-waiting>')
        route.fulfill(
            body=re.sub(r'<a class="button primary".*?</a>', "", page, flags=re.DOTALL),
            content_type="text/html",
        )

    ada.page.route("**/hub/home", without_apps, times=1)
    ada.page.reload()
    expect(link).to_have_count(0)
    expect(link).to_be_visible(timeout=SLOW_MS)


def test_from_the_card_to_the_table_in_the_download_folder(
    ada: Person, images: list[Path], tmp_path: Path
) -> None:
    page = ada.page
    page.get_by_role("link", name=f"Analyse: {USE_CASE}").click()
    analyse = page.get_by_role("button", name="Analyse", exact=True)
    expect(analyse).to_be_enabled(timeout=SLOW_MS)
    expect(verdict_of(page)).to_have_count(0)

    # Pressing too early is answered in words, and nothing starts.
    analyse.click()
    expect(page.get_by_text("Upload your images first")).to_be_visible()

    page.locator("input[type=file]").set_input_files(images)
    expect(page.get_by_text(f"{len(images)} files are uploaded.")).to_be_visible(timeout=SLOW_MS)
    analyse.click()
    expect(page.get_by_text(f"Finished: {len(images)} images.")).to_be_visible(timeout=SLOW_MS)

    # The verdict stands above the numbers, and a demonstration model says so before anything else.
    expect(verdict_of(page)).to_contain_text(DEMO, timeout=SLOW_MS)
    expect(verdict_of(page)).to_contain_text("Cannot tell")
    expect(page.locator(".tl-counts")).to_be_visible(timeout=SLOW_MS)
    counts = table_of_counts(page)
    assert sum(counts.values()) == len(images)
    order = page.locator(".tl-verdict, .tl-counts").evaluate_all("views => views.map(view => view.className)")
    assert "tl-verdict" in order[0]

    rows = _download(ada, "Results (CSV)", tmp_path)
    assert tuple(rows[0]) == RESULT_COLUMNS
    assert sorted(row["image_id"] for row in rows) == sorted(_digest(image) for image in images)
    assert {row["person_id"] for row in rows} == {page.locator("header").inner_text().split()[-1]}
    shown = Counter(row["label"] or "Unidentified (below the threshold)" for row in rows)
    assert dict(shown) == counts
    assert all(0 <= float(row["score"]) <= 1 and len(row["score"].split(".")[1]) == 4 for row in rows)
    assert _download(ada, "Failed files (CSV)", tmp_path) == []

    expect(page.locator(".tl-gallery img").first).to_be_visible()
    ada.photograph("app")
    ada.photograph(
        "app-verdict", focus=page.get_by_role("heading", name="May I trust the model on these images?")
    )
    for width in (1440, 800, 400):
        page.set_viewport_size({"width": width, "height": 900})
        ada.never_scrolls_sideways()


def test_the_analysis_is_still_there_after_the_tab_was_closed(ada: Person, images: list[Path]) -> None:
    """The home page and a new app page both know it (the test above made it)."""
    expect(ada.page.get_by_text(f"{len(images)} images").first).to_be_visible()
    ada.page.get_by_role("link", name=f"Analyse: {USE_CASE}").click()
    show = ada.page.get_by_role("button", name="Show", exact=True)
    expect(show).to_be_enabled(timeout=SLOW_MS)
    show.click()
    expect(verdict_of(ada.page)).to_contain_text(DEMO, timeout=SLOW_MS)
    expect(ada.page.locator(".tl-counts")).to_be_visible(timeout=SLOW_MS)
    assert sum(table_of_counts(ada.page).values()) == len(images)


def _download(ada: Person, button: str, folder: Path) -> list[dict[str, str]]:
    with ada.page.expect_download() as waiting:
        ada.page.get_by_role("button", name=button).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def _digest(image: Path) -> str:
    return f"sha256:{hashlib.sha256(image.read_bytes()).hexdigest()}"
