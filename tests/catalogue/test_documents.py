"""The generated pages are what the code says; every environment variable of the code is described."""

import re

import pytest

from tidelab import paths
from tidelab.cli.generated_docs import pages, stale_pages
from tidelab.cli.variables import APPS, INTERNAL, PLACES, WORK

ROOT = paths.checkout()
PYTHON = [
    path for folder in ("extensions/tidelab", "hub", "images") for path in ROOT.glob(f"{folder}/**/*.py")
]


def test_no_page_is_stale():
    assert stale_pages() == [], "run `tidelab docs` and commit what it wrote"


def test_a_stale_page_is_noticed(monkeypatch):
    monkeypatch.setattr("tidelab.cli.pages.settings.WORK", WORK[:-1])
    assert stale_pages() == ["docs/reference/settings.md"]


def test_every_variable_of_the_code_is_described_and_used():
    described = {variable.name for variable in (*PLACES, *WORK, *APPS, *INTERNAL)}
    sources = [path.read_text(encoding="utf-8") for path in PYTHON if path.name != "variables.py"]
    used = {name for text in sources for name in re.findall(r"\bTIDELAB_[A-Z][A-Z_]*[A-Z]\b", text)}
    assert used - described == set(), "describe them in tidelab.cli.variables"
    assert described - used == set(), "no code reads them; take them out of tidelab.cli.variables"


LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize(
    "page", sorted({*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")}), ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_text_of_authors_is_no_markup(monkeypatch):
    from tidelab.catalogue import load_catalogue
    from tidelab.cli.pages.use_cases import catalogue_page

    use_case = load_catalogue()["flowcam-plankton"].model_copy(
        update={"title": "<script>alert(1)</script> [a](b) *c*"}
    )
    page = catalogue_page({"flowcam-plankton": use_case})
    assert "## &lt;script>alert(1)&lt;/script> \\[a\\](b) \\*c\\*" in page


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in ROOT.glob("docs/**/*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "index.md" or f"({name})" in index, f"docs/index.md does not lead to {name}"
    assert set(pages()) <= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*")}
