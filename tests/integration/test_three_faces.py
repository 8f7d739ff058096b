"""The same cells as lesson, app and report, with three separate empty caches: the same table, byte for byte."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import xarray

from tests.support.app_page import AppPage, browser, wait_for_apps
from tests.support.faces import REAL, newest_run, run_lab
from tests.support.hub import RunningHub
from tidelab import paths
from tidelab.catalogue import load_catalogue


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with RunningHub(tmp_path_factory.mktemp("hub"), services=("apps",)) as running:
        yield wait_for_apps(running)


CASES = sorted(
    folder.name for folder in (paths.checkout() / "notebooks").iterdir()
    if (folder / "usecase.yaml").exists() and not folder.name.startswith("_")
)  # fmt: skip
TABLES = (
    "results.csv",
    "counts.csv",
    "samples.csv",
    "statistics.csv",
    "pictures.csv",
    "detections.csv",
    "objects.csv",
)
"""What is the same on all faces, byte for byte, where a use case has it; with what it makes below ``products/``."""


def by_report(person: str, images: str, folder: Path, slug: str = REAL) -> bytes:
    """Return results.csv of ``tidelab report``, with runs and cache in `folder`."""
    done = subprocess.run(
        [str(paths.env_python("analyse").with_name("tidelab")), "report", slug, "--images", images, "--out", str(folder / "out")],
        env={**os.environ, "JUPYTERHUB_USER": person, "TIDELAB_RUNS": str(folder / "runs")},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return (folder / "out" / "results.csv").read_bytes()


def by_lab(person: str, images: str, folder: Path) -> bytes:
    """Return results.csv of the notebook executed as Lab does."""
    return (run_lab(load_catalogue()[REAL], folder, person, images) / "results.csv").read_bytes()


def tables(run: Path) -> dict[str, bytes]:
    """Return the tables of a run, and its products."""
    products = (
        sorted(path for path in (run / "products").rglob("*") if path.is_file())
        if (run / "products").exists()
        else []
    )
    files = [run / name for name in TABLES if (run / name).exists()] + products
    return {path.relative_to(run).as_posix(): content(path) for path in files}


def content(path: Path) -> bytes:
    """Return the bytes of a file; of a series' version and of NetCDF what it says apart from when and by which run it was made."""
    if path.name == "series.json":
        version = json.loads(path.read_text(encoding="utf-8"))
        return json.dumps(
            {name: value for name, value in version.items() if name not in ("history", "run")}
        ).encode()
    if path.suffix == ".nc":
        series = xarray.load_dataset(path)
        series.attrs = {
            name: value for name, value in series.attrs.items() if name not in ("history", "date_created")
        }
        return json.dumps(series.to_dict(), default=str).encode()
    return path.read_bytes()


@pytest.mark.parametrize("slug", CASES)
def test_the_sample_gives_the_same_tables_on_all_faces(hub, chromium, tmp_path, slug):
    client = hub.client("ada")
    with browser(chromium) as started:
        app = AppPage(started, client).sign_in().open(slug).choose("Sample").analyse()
        shown = app.download("results.csv")
        assert app.outside == []
        assert app.problems == []
        app.close()
    run = newest_run(hub.data / "homes" / "ada" / "runs", slug)
    assert shown == (run / "results.csv").read_bytes(), "the button gives the run's own file"
    assert shown.count(b"\n") > 10
    by_app = tables(run)
    by_report("ada", "sample", tmp_path / "report", slug)
    assert tables(newest_run(tmp_path / "report" / "runs", slug)) == by_app
    assert tables(run_lab(load_catalogue()[slug], tmp_path / "lab", "ada", "sample")) == by_app


def test_real_images_give_the_same_table_on_all_faces(hub, chromium, shared_data, tmp_path):
    pictures = sorted(
        path
        for path in (shared_data / REAL).rglob("*")
        if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif")
    )
    assert len(pictures) >= 50
    folder = hub.data / "homes" / "bob" / "flowcam"
    client = hub.client("bob")
    for path in pictures:
        target = folder / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    with browser(chromium) as started:
        app = AppPage(started, client).sign_in().open(REAL).choose("Folder on the hub")
        app.page.locator("select").filter(has_text="Home").select_option("Home")
        app.page.locator("select").filter(has_text="flowcam/").select_option("flowcam/")
        app.page.get_by_text("Will analyse: Home / flowcam").wait_for()
        shown = app.analyse().download("results.csv")
        app.close()
    assert shown.count(b"\n") > 50
    assert shown == by_report("bob", str(folder), tmp_path / "report")
    assert shown == by_lab("bob", str(folder), tmp_path / "lab")
