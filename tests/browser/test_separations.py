"""The review of separations in the app: a person draws a line with the mouse, and every number follows."""

import csv
import io
import json
import zipfile

import pytest

from tests.support.app_page import apps_hub, quiet_tab
from tests.support.faces import newest_run
from tests.support.hub import wait_for
from tests.support.pages import pictures_folder
from tidelab.catalogue import load_catalogue
from tidelab.runs import RunFolder
from tidelab.runs.hooks import own_module
from tidelab.runs.validation import Validation

SLUG = "zooscan"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with apps_hub(tmp_path_factory.mktemp("hub"), **{"TIDELAB_APPS_MAX_KERNELS": "2"}) as running:
        yield running


@pytest.fixture
def app(hub, chromium):
    """Ada's tab."""
    with quiet_tab(chromium, hub.client("ada")) as tab:
        yield tab


def shown_objects(page):
    """Return what the table of concentrations says: sample -> (objects, objects m-3)."""
    rows = page.evaluate(
        "() => [...document.querySelectorAll('.tl-zooscan table')].filter(t => t.innerText.includes('Objects m'))"
        ".flatMap(t => [...t.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.innerText)))"
    )
    return {row[0]: (int(row[1]), float(row[2])) for row in rows}


def zip_objects(run):
    """Return object ids of the EcoTaxa zip."""
    with zipfile.ZipFile(run.path / "products" / "ecotaxa_zooscan.zip") as archive:
        table = archive.read("ecotaxa_zooscan.tsv").decode("utf-8-sig")
    return {row["object_id"] for row in list(csv.DictReader(io.StringIO(table), delimiter="\t"))[1:]}


def cut_in_two_by_its_middle(run):
    """Return the name of an object that is proposed for cutting and whose halves are both large enough to count."""
    session = own_module(load_catalogue()[SLUG], "review_session").ReviewSession(run, "test")
    for item in session.index()["items"]:
        message, _ = session.show(item["name"], item["image_id"])
        _, store, number = session._item(item["name"], item["image_id"])
        middle = [[(message["width"] / 2, -1), (message["width"] / 2, message["height"] + 1)]]
        if message["proposed"] > 1 and len(session._drawn(store, number, middle).parts) == 2:
            return item["name"]
    raise AssertionError("the sample has no such object")


def test_a_drawn_line_changes_every_number(app, hub, tmp_path_factory):
    app.open(SLUG).choose("Sample").analyse()
    page = app.page
    page.locator(".zs-item").first.wait_for()
    run = RunFolder(newest_run(hub.data / "homes" / "ada" / "runs", SLUG))
    wait_for(lambda: set(shown_objects(page)) == {"drawn_st1", "drawn_st2"}, "the table of abundance", 20)
    before, ids = shown_objects(page), zip_objects(run)

    # An object that is proposed for cutting: first it is said to be one, which takes objects away.
    place = page.locator(".zs-facts[data-parts]")
    place.wait_for()
    name = cut_in_two_by_its_middle(run)
    page.locator(".zs-item", has=page.get_by_text(name, exact=True)).click()
    page.locator(".zs-facts", has_text=f"{name}:").wait_for()
    parts = int(place.get_attribute("data-parts"))
    page.locator(".zs-refuse").click()
    page.locator(".zs-status", has_text="It is not cut: 1 object").wait_for()
    page.locator(".zs-facts[data-parts='1']").wait_for()
    sample = "drawn_st2" if name.startswith("drawn_st2") else "drawn_st1"
    wait_for(lambda: shown_objects(page)[sample][0] == before[sample][0] - (parts - 1), "fewer objects", 20)

    # Then it is cut by hand: one line from edge to edge through its middle.
    page.locator(".zs-draw").click()
    page.locator(".zs-canvas").scroll_into_view_if_needed()
    box = page.locator(".zs-canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5, steps=5)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 1, steps=5)
    page.mouse.up()
    page.locator(".zs-review").screenshot(
        path=pictures_folder(tmp_path_factory.mktemp("pictures")) / "review.png"
    )
    page.locator(".zs-use").click()
    page.locator(".zs-status", has_text="It is cut along your lines").wait_for()
    wait_for(lambda: int(place.get_attribute("data-parts")) >= 2, "the parts of the drawn cut", 20)
    drawn = int(place.get_attribute("data-parts"))
    wait_for(
        lambda: shown_objects(page)[sample][0] == before[sample][0] + drawn - parts,
        "objects of the drawn cut",
        20,
    )
    page.locator(".zs-files", has_text="up to date").wait_for()
    assert {f"{name}_{n}" for n in range(1, drawn + 1)} <= zip_objects(run)

    # Undone twice, everything is as it was.
    for action in ("It is not cut", "to look at"):
        page.locator(".zs-undo").click()
        page.locator(".zs-status", has_text="Your last decision is taken back").wait_for()
        word = {"It is not cut": "not cut", "to look at": "to look at"}[action]
        page.locator(".zs-current .zs-word", has_text=word).wait_for()
    wait_for(lambda: shown_objects(page) == before, "the numbers as they were", 20)
    wait_for(lambda: zip_objects(run) == ids, "the zip as it was", 30)
    events = [json.loads(line) for line in (run.path / "separations.jsonl").read_text().splitlines()]
    assert [event["action"] for event in events] == ["refuse", "draw", "undo", "undo"]
    assert {event["person"] for event in events} == {"ada"}
    assert all(event["time"].endswith("Z") for event in events)

    # Ben names the first object of the list one animal: the list moves, and the page decides on what it shows.
    first = page.locator(".zs-item .zs-name").first.inner_text()
    other = page.locator(".zs-item .zs-name").nth(2).inner_text()
    page.locator(".zs-item", has=page.get_by_text(other, exact=True)).click()
    page.locator(".zs-facts", has_text=f"{other}:").wait_for()
    image_of = {
        row["image"].rpartition("/")[2].removesuffix(".png"): row["image_id"]
        for row in run.results().to_dict("records")
    }
    Validation(run).move([image_of[first]], "single", "ben")
    wait_for(lambda: page.locator(".zs-item .zs-name").first.inner_text() != first, "the list without it", 20)
    assert page.locator(".zs-current .zs-name").inner_text() == other
    page.locator(".zs-refuse").click()
    page.locator(".zs-status", has_text="It is not cut: 1 object").wait_for()
    last = json.loads((run.path / "separations.jsonl").read_text().splitlines()[-1])
    assert (last["action"], last["image_id"]) == ("refuse", image_of[other])


def test_of_an_uploaded_zip_the_chosen_scans_are_processed(app, hub, tmp_path):
    project = load_catalogue()[SLUG].folder / "sample" / "Zooscan_drawn"
    zipped = tmp_path / "cruise.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(project.rglob("*")):
            archive.write(path, path.relative_to(project.parent))
    app.open(SLUG).choose("Upload")
    assert "cruise.zip" in app.upload(zipped)
    page = app.page
    field = page.locator(".tl-field", has=page.get_by_text("Which scans", exact=True)).locator("input")
    field.fill("drawn_st2*")
    field.press("Tab")
    app.analyse()
    run = RunFolder(newest_run(hub.data / "homes" / "ada" / "runs", SLUG))
    wait_for(lambda: set(shown_objects(page)) == {"drawn_st2"}, "the table of abundance", 30)
    with (run.path / "products" / "scans.csv").open(encoding="utf-8") as file:
        status = {row["scan_id"]: row["status"] for row in csv.DictReader(file)}
    assert status == {
        "drawn_st1_d1_1": "left out",
        "drawn_st1_d2_1": "left out",
        "drawn_st2_tot_1": "processed",
    }
    assert page.locator(".zs-progress").inner_text().endswith("a watershed of the outline.")
