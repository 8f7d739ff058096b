"""Views of samples and sizes: what is known, from whom, what is not, and what is not computed for want of it."""

import numpy as np
import pytest
import yaml
from bs4 import BeautifulSoup

from tests.support.brightness import grey_png
from tidelab.catalogue import load_usecase
from tidelab.catalogue.samples import Samples
from tidelab.domain.sample import Sample
from tidelab.reports import views
from tidelab.reports.views.samples import not_computed
from tidelab.runs import get_executor, prepare
from tidelab.runs.inputs.samples import KnownSample
from tidelab.training.synthetic_flowcam import write_run

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def asks(use_case):
    path = use_case.folder / "usecase.yaml"
    declared = yaml.safe_load(path.read_text())
    fields = ["time", "station", "latitude", "volume_imaged_ml", "dilution_factor", "um_per_px"]
    declared["samples"] = {"fields": fields, "effort": "volume"}
    path.write_text(yaml.safe_dump(declared))
    return load_usecase(use_case.folder)


def analyse(use_case, images):
    run = prepare(use_case, images=images, person="ada")
    get_executor("inline").submit(run)
    assert run.state().status == "done", run.state().message
    return run


def cells(displayable):
    page = BeautifulSoup(displayable.html, "html.parser")
    return [
        [cell.get_text(" ", strip=True) for cell in row.find_all("td")] for row in page.select("tbody tr")
    ]


def test_each_value_shows_where_it_comes_from_and_each_gap_what_it_costs(asks, tmp_path):
    blob = np.full((24, 24, 3), 160, np.uint8)
    blob[6:18, 6:18] = 20
    write_run(tmp_path / "in", "run-1", [blob], volume_imaged_ml=0.5, um_per_px=2.0)
    grey_png(tmp_path / "in" / "jar" / "a.png", 30)
    (tmp_path / "in" / "samples.csv").write_text(f"sample_id,station,dilution_factor\nrun-1,{HOSTILE},2\n")
    run = analyse(asks, tmp_path / "in")
    shown = views.samples(run)
    assert "<script>" not in shown.html
    jar, flowcam = cells(shown)
    assert jar == ["jar", "1", *["not known"] * 5]
    # Columns: station, instrument (known, though nobody asked), volume, dilution, pixel size; what no sample says has none.
    assert flowcam == ["run-1", "1", f"{HOSTILE}*", "FlowCam", "0.5", "2*", "2"]
    words = shown.text
    assert "From the input's own files: Instrument, Volume imaged, Pixel size." in words
    assert "From samples.csv (*): Station, Dilution factor." in words
    assert "Volume imaged is not known for 1 of 2 samples (jar): counts only, no concentration." in words
    assert (
        "Pixel size is not known for 1 of 2 samples (jar): sizes in pixels only, no diameter and no biovolume."
        in words
    )
    assert "Latitude is not known for all 2 samples: no map, and no occurrence can be placed." in words

    of_jar, of_run = cells(views.sizes(run))
    assert of_jar[:2] == ["jar", "dark"]
    assert of_jar[3:] == ["not computed"] * 4
    assert of_run[:4] == ["run-1", "middle", "1", "4 (0.101 to 22.3)"]  # 1 in 0.25 mL of the sea
    # A drawn square without noise is found half a pixel too large on each side.
    assert float(of_run[4].split()[0]) == pytest.approx(2 * np.sqrt(144 / np.pi) * 2, rel=0.15)
    text = views.sizes(run).text
    assert "jar: not computed: volume of sea water unknown." in text
    assert "run-1: " in text
    assert "in all classes that live (spheres)" in text  # middle is a taxon
    assert "Garwood 1936" in text


def test_a_use_case_without_effort_says_that_there_are_counts_only():
    known = {"s": KnownSample(Sample(sample_id="s"))}
    assert list(not_computed(known, Samples())) == [
        "Time (UTC) is not known for the sample.", "Station is not known for the sample.",
        "This use case declares no effort: counts only, no concentration.",
    ]  # fmt: skip
    area = Samples(fields=("area_m2",), effort="area")
    assert list(not_computed(known, area)) == ["Area is not known for the sample: counts only, no density."]


def test_a_run_of_an_earlier_version_says_what_it_lacks(run):
    folder = run()
    (folder.path / "samples.csv").unlink()
    for view in (views.samples, views.sizes):
        assert "has no samples.csv" in view(folder).text
