"""The view of counts says what classes are, and totals them by it."""

from pathlib import Path

import bs4
import pytest

from tests.support.meaning import meaningful_case, sample_images
from tidelab.reports import views
from tidelab.runs import RunFolder, get_executor, prepare


@pytest.fixture
def finished(tmp_path: Path) -> RunFolder:
    run = prepare(
        meaningful_case(tmp_path / "usecases"),
        images=sample_images(tmp_path / "images"),
        parameters={"threshold": 0.4},
        person="ada",
    )
    get_executor("inline").submit(run)
    return run


def test_totals_keep_apart_what_lives_what_does_not_and_what_nobody_declared(finished: RunFolder):
    page = bs4.BeautifulSoup(views.counts(finished).html, "html.parser")
    assert [line.get_text(" ", strip=True) for line in page.select(".tl-totals li")] == [
        "All that lives (taxa, life stages, morphotypes) : 3 images (50.0 %)",
        "Non-living and artefacts : 2 images (33.3 %)",
        "Of unknown kind (not declared) : 1 image (16.7 %)",
    ]
    assert "what bright is: taxon, life stage" in page.get_text(" ", strip=True)


def test_each_class_says_what_it_is(finished: RunFolder):
    page = bs4.BeautifulSoup(views.counts(finished).html, "html.parser")
    what = {
        row.find_all("td")[0].get_text(strip=True): row.find_all("td")[-1].get_text(strip=True)
        for row in page.select("tbody tr")
    }
    assert what == {
        "middle": "taxon, Genus, AphiaID checked on 2026-01-31",
        "dark": "artefact",
        "bright": "of unknown kind",
    }
