"""The lesson: Open in Lab, run the notebook from top to bottom, see the verdict and the numbers."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.embedded import Embedded
from tests.support.pages import SLOW_MS, USE_CASE, Person, run_all_cells, table_of_counts, verdict_of
from tidelab import paths
from tidelab.drift.words import DEMO

SAMPLE_IMAGES = len(list((paths.checkout() / "notebooks/flowcam-plankton/sample").rglob("*.jpg")))
FINISHED = f"Finished: {SAMPLE_IMAGES} images."
SETTLED_MS = 60_000


def test_open_in_lab_and_run_the_analysis(ada: Person, embedded: Embedded) -> None:
    page = ada.page
    page.get_by_role("button", name=f"Open in Lab: {USE_CASE}").click()
    page.wait_for_url("**/lab/tree/flowcam-plankton/analyse.ipynb**")
    run_all_cells(page, FINISHED)
    expect(verdict_of(page)).to_contain_text(DEMO, timeout=SLOW_MS)
    expect(page.locator(".tl-counts")).to_be_attached(timeout=SLOW_MS)
    assert sum(table_of_counts(page).values()) == SAMPLE_IMAGES
    for button in ("Results (CSV)", "Everything (zip)"):
        expect(page.get_by_role("button", name=button)).to_be_visible(timeout=SLOW_MS)
    cells = _saved(page, _home(embedded) / "analyse.ipynb")
    assert _faults(cells) == []
    ada.photograph("lab", focus=verdict_of(page))


@pytest.mark.parametrize("notebook", ["drift.ipynb"])
def test_the_other_notebooks_run_too(ada: Person, embedded: Embedded, notebook: str) -> None:
    """In the server that the test before has started."""
    page = ada.page
    page.goto(
        f"{embedded.address}user/{embedded.user}/flowcam-plankton/lab/tree/flowcam-plankton/{notebook}?reset"
    )
    run_all_cells(page, FINISHED)
    expect(page.locator(".tl-fitness-images .tl-pair").first).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("There is no verdict on images of your own with this model yet.")).to_be_attached(
        timeout=SLOW_MS
    )
    cells = _saved(page, _home(embedded) / notebook)
    assert _faults(cells) == []
    ada.photograph(f"lab-{Path(notebook).stem}", focus=page.locator(".tl-fitness-images"))


def _home(embedded: Embedded) -> Path:
    return embedded.data / "homes" / str(embedded.user) / "flowcam-plankton"


def _saved(page: Page, path: Path) -> list[dict[str, Any]]:
    """Save the notebook and return its code cells once each has been executed."""
    cells: list[dict[str, Any]] = []
    for _ in range(SETTLED_MS // 1000):
        page.keyboard.press("Control+S")
        page.wait_for_timeout(1000)
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        if all(cell["execution_count"] for cell in cells):
            return cells
    raise AssertionError(f"not every cell ran: {[cell['execution_count'] for cell in cells]}")


def _faults(cells: list[dict[str, Any]]) -> list[str]:
    """Return errors, and anything a cell complained of."""
    outputs = [output for cell in cells for output in cell["outputs"]]
    return [
        str(output.get("evalue") or output.get("text"))
        for output in outputs
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ]
