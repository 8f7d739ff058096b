"""Validation as a biologist does it: fifty images with the keyboard in the app; counts, exports and the report afterwards follow."""

import contextlib
import csv
import io
import os
import subprocess
import zipfile
from collections import Counter

import psutil
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect

from tests.support.app_page import apps_hub, quiet_tab
from tests.support.brightness import grey_png
from tests.support.faces import make_case, newest_run
from tests.support.hub import wait_for
from tests.support.pages import (
    SLOW_MS,
    USE_CASE,
    answer_dialogs,
    pictures_folder,
    run_all_cells,
    table_of_counts,
)
from tidelab import paths
from tidelab.runs import RunFolder
from tidelab.runs.validation import Validation

SLUG = "brightness-case"
# Thirty of each class, told apart by one grey value each.
GREYS = (*range(10, 40), *range(115, 145), *range(220, 250))


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    make_case(folder, SLUG)
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory, cases):
    with apps_hub(
        tmp_path_factory.mktemp("hub"), **{"TIDELAB_USECASES": str(cases), "TIDELAB_APPS_MAX_KERNELS": "3"}
    ) as running:
        yield running


@pytest.fixture
def app(hub, chromium):
    """Ada's tab."""
    with quiet_tab(chromium, hub.client("ada")) as tab:
        yield tab


@pytest.fixture
def images(hub):
    """Ninety pictures in Ada's home."""
    folder = hub.data / "homes" / "ada" / "cruise"
    for grey in GREYS:
        grey_png(folder / f"{grey}.png", grey)
    return folder


def said(app, words):
    """Wait until the grid says so; every act is then saved."""
    app.page.locator(".tl-val-said", has_text=words).wait_for(timeout=SLOW_MS)


def images_and_validated(page):
    """Return class -> (images, validated) in one look, for the table is replaced meanwhile."""
    rows = page.evaluate(
        "() => [...document.querySelectorAll('.tl-counts tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    return {row[0].splitlines()[0]: (int(row[2]), int(row[4])) for row in rows}


def report(hub, cases, images, out):
    """Make a report as Ada on her command line."""
    home = hub.data / "homes" / "ada"
    env = {
        **os.environ, "JUPYTERHUB_USER": "ada", "TIDELAB_DATA": str(hub.data), "TIDELAB_RUNS": str(home / "runs"),
        "TIDELAB_USECASES": str(cases),
    }  # fmt: skip
    done = subprocess.run(
        [str(paths.env_python("analyse").with_name("tidelab")), "report", SLUG, "--images", str(images), "--out", str(out)],
        capture_output=True, text=True, timeout=120, env=env, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return BeautifulSoup((out / "report.html").read_text(), "html.parser")


def test_fifty_images_with_the_keyboard_and_everything_follows(app, hub, cases, images, tmp_path, tmp_path_factory):  # fmt: skip
    app.open(SLUG).choose("Folder on the hub")
    page = app.page
    page.locator("select").filter(has_text="Home").select_option("Home")
    page.locator("select").filter(has_text="cruise/").select_option("cruise/")
    app.analyse()
    page.locator(".tl-val-tile").first.wait_for()
    assert table_of_counts(page) == {"dark": 30, "middle": 30, "bright": 30}
    run = RunFolder(newest_run(hub.data / "homes" / "ada" / "runs", SLUG))
    before = (run.path / "results.csv").read_bytes()

    page.locator(".tl-val-tile").first.click()
    keys = page.keyboard
    # Twenty one by one: the mark goes on by itself.
    for _ in range(20):
        keys.press("Enter")
    said(app, "1 image confirmed as dark")
    # Seven to another class by the list: type a part of its name.
    for _ in range(6):
        keys.press("Shift+ArrowRight")
    keys.press("m")
    keys.type("brig")
    keys.press("Enter")
    said(app, "7 images moved to bright")
    # Three nobody can tell, one of them by mistake.
    for _ in range(3):
        keys.press("u")
    said(app, "1 image marked unknown")
    keys.press("z")
    said(app, "Taken back: 1 image marked unknown")
    # The rest of fifty: the number of the most likely class, then a whole range at once.
    page.locator(".tl-val-class", has_text="middle").click()
    place = page.locator(".tl-val-grid").bounding_box()["y"]
    keys.press("1")
    said(app, "1 image moved to middle")
    for _ in range(19):
        keys.press("Shift+ArrowRight")
    keys.press("Enter")
    said(app, "20 images confirmed as middle")

    truth = {"dark": 21, "middle": 30, "bright": 37, "Unknown (a person looked and could not tell)": 2}
    looked = {"dark": 20, "middle": 21, "bright": 7, "Unknown (a person looked and could not tell)": 2}
    expected = {name: (number, looked[name]) for name, number in truth.items()}
    wait_for(lambda: images_and_validated(page) == expected, "the counts", 20)
    moved = abs(page.locator(".tl-val-grid").bounding_box()["y"] - place)
    assert moved < 20, "the grid stays under the person's eyes"
    page.locator(".tl-val").screenshot(
        path=pictures_folder(tmp_path_factory.mktemp("pictures")) / "validation.png"
    )

    rows = list(csv.DictReader(io.StringIO(app.download("determinations.csv").decode())))
    assert Counter(row["status"] for row in rows) == {"validated": 48, "unknown": 2, "predicted": 40}
    assert {row["validated_by"] for row in rows if row["status"] != "predicted"} == {"ada"}
    assert Counter(row["label"] for row in rows) == {"dark": 21, "middle": 30, "bright": 37, "": 2}
    assert app.download("results.csv") == before
    exported = ecotaxa(app.download("-ecotaxa.zip"))
    assert Counter(row["object_annotation_status"] for row in exported) == {"validated": 48, "dubious": 2, "predicted": 40}  # fmt: skip

    made = report(hub, cases, images, tmp_path / "report")
    text = made.get_text(" ", strip=True)
    assert "50 of 90 images were looked at by ada: 48 validated (7 of them under another name than the model gave), 2 that could not be told." in text  # fmt: skip
    assert f"taken over from {run.run_id} (50 images)" in text
    counted = {
        row.td.get_text(strip=True): row.find_all("td")[2].get_text(strip=True)
        for row in made.select(".tl-counts tbody tr")
    }
    assert counted == {name: str(number) for name, number in truth.items()}
    assert (tmp_path / "report" / "results.csv").read_bytes() == before
    again = list(csv.DictReader((tmp_path / "report" / "determinations.csv").open()))
    assert [(row["label"], row["status"], row["validated_at"]) for row in again] == [
        (row["label"], row["status"], row["validated_at"]) for row in rows
    ]


def ecotaxa(content):
    """Return the rows of an EcoTaxa zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (table,) = (name for name in archive.namelist() if name.endswith((".tsv", ".txt")))
        lines = archive.read(table).decode("utf-8-sig").splitlines()
    # The second line of an EcoTaxa table is the types of its columns.
    return list(csv.DictReader([lines[0], *lines[2:]], delimiter="\t"))


def is_kernel_of(process, hub):
    """Whether a process is a kernel behind a page of this hub."""
    with contextlib.suppress(psutil.Error):
        return "ipykernel_launcher" in process.cmdline() and process.environ().get("TIDELAB_DATA") == str(hub.data)  # fmt: skip
    return False


def test_an_audit_the_mouse_and_what_another_person_says(app, hub, images):
    app.open(SLUG).choose("Sample").analyse()
    page = app.page
    page.locator(".tl-val-tile").first.wait_for()
    run = RunFolder(newest_run(hub.data / "homes" / "ada" / "runs", SLUG))
    page.get_by_role("button", name="Check a random sample").click()
    page.get_by_label("Images", exact=True).fill("2")
    page.get_by_role("button", name="Choose these images").click()
    said(app, "2 images cannot cover 3 classes")
    page.get_by_role("button", name="Check a random sample").click()
    page.get_by_label("Images", exact=True).fill("3")
    page.get_by_role("button", name="Choose these images").click()
    said(app, "3 images chosen at random")
    page.locator(".tl-val-bar").get_by_role("button", name="Confirm").click()
    said(app, "1 image confirmed")
    page.locator(".tl-val-choice select").first.locator("option", has_text="1 of 3 checked").wait_for(state="attached")  # fmt: skip
    (audit,) = Validation(run).audits()
    assert len(Validation(run).checked(audit)) == 1
    # Somebody else, at the same time, in another process.
    third = audit.image_ids[2]
    Validation(run).move([third], "bright", "bob")
    said(app, "Somebody else validated too")
    page.locator(".tl-val-choice select").first.locator("option", has_text="2 of 3 checked").wait_for(state="attached")  # fmt: skip
    page.locator(".tl-val-tile").first.focus()
    page.keyboard.press("z")
    said(app, "Taken back")
    assert Validation(run).words()[third].person == "bob"
    # A kernel that does not answer: nothing is lost, and the page says that nothing is saved yet.
    kernels = [one for one in psutil.process_iter() if is_kernel_of(one, hub)]
    assert kernels
    stopped = []
    for kernel in kernels:
        # One that waited for a visitor may just have been ended.
        with contextlib.suppress(psutil.NoSuchProcess):
            kernel.suspend()
            stopped.append(kernel)
    page.keyboard.press("1")
    page.get_by_text("Not saved yet: 1 image.").wait_for(timeout=SLOW_MS)
    page.wait_for_timeout(6000)  # by then the page has asked a second time
    saved = len(Validation(run).events())
    for kernel in stopped:
        kernel.resume()
    said(app, "1 image moved to")
    page.get_by_text("Not saved yet").wait_for(state="hidden")
    assert len(Validation(run).events()) == saved + 1
    # A run that is removed under one's hands is said to be gone, and nothing is shown as saved.
    run.path.rename(run.path.with_name("gone"))
    page.keyboard.press("u")
    said(app, "was deleted, so nothing was saved")
    assert page.locator(".tl-val-badge-unknown").count() == 0


def test_the_same_grid_in_lab_and_no_key_reaches_the_notebook(ada, embedded):
    page = ada.page
    # An earlier test of this session may have left its Lab running.
    opens = page.get_by_role("button", name=f"Open in Lab: {USE_CASE}")
    running = page.get_by_role("article").get_by_role("link", name=f"Go to the Lab of {USE_CASE}")
    opens.or_(running).first.click()
    page.wait_for_url("**/lab/tree/flowcam-plankton/analyse.ipynb**", timeout=SLOW_MS)
    answer_dialogs(page)
    home = embedded.data / "homes" / str(embedded.user)
    wait_for((home / "flowcam-plankton" / "analyse.ipynb").exists, "the notebook in the home", 30)
    run_all_cells(page, "Finished: ")
    tile = page.locator(".tl-val-tile").first
    expect(tile).to_be_visible(timeout=SLOW_MS)
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    tile.click()
    keys = page.keyboard
    keys.press("Enter")
    expect(page.locator(".tl-val-said")).to_contain_text("1 image confirmed", timeout=SLOW_MS)
    # In Lab these would delete, convert, undo, cut and add cells.
    for key in ("d", "Escape", "d", "Escape", "x", "Escape", "a", "Escape", "m", "Escape", "z"):
        keys.press(key)
    expect(page.locator(".tl-val-said")).to_contain_text("Taken back: 1 image", timeout=SLOW_MS)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    keys.press("Shift+ArrowRight")
    keys.press("u")
    expect(page.locator(".tl-val-said")).to_contain_text("2 images marked unknown", timeout=SLOW_MS)
    unknown = page.locator(".tl-counts tbody tr", has_text="Unknown (a person looked")
    expect(unknown).to_contain_text("2", timeout=SLOW_MS)
    run = RunFolder(newest_run(home / "runs", "flowcam-plankton"))
    assert {word.person for word in Validation(run).words().values()} == {embedded.user}
    ada.photograph("validation-lab", focus=page.locator(".tl-val"))
    Validation(run).undo(str(embedded.user))
    # A kernel that is restarted under the grid: nothing looks saved that is not, and no script fails.
    page.locator(".lm-MenuBar-itemLabel").get_by_text("Kernel", exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Restart Kernel…", exact=True).click()
    expect(page.get_by_text("The kernel behind this grid was restarted")).to_be_attached(timeout=SLOW_MS)
    assert page.locator(".tl-val-tile:visible").count() == 0
