"""What leaves a machine does not tell how its folders are laid out; what stays lets the run be made again."""

import json
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.support.brightness import declaration, grey_png, make_use_case
from tidelab.catalogue import UseCase, load_usecase
from tidelab.reports import views
from tidelab.runs import RunFolder, get_executor, prepare
from tidelab.runs.originals import originals
from tidelab.runs.shown_paths import shown_parameters, shown_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the hub on a disk behind a link, shared data and a drive."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIDELAB_MOUNTS", str(tmp_path / "mnt" / "flowcam"))
    home = tmp_path / "disk" / "homes" / "ada"
    (home / "runs").mkdir(parents=True)
    return home


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("sample", "sample"),
        ("", ""),
        ("disk/homes/ada/cruise/a.tif", "Home/cruise/a.tif"),
        ("data/homes/ada/cruise/a.tif", "Home/cruise/a.tif"),
        ("disk/homes/ada", "Home"),
        ("disk/homes/ada/runs/plankton/x", "Runs/plankton/x"),
        ("disk/homes/ada/runs/.uploads/20260101-0-ab/a b.png", "Upload/a b.png"),
        ("disk/shared/2024", "Shared data/2024"),
        ("mnt/flowcam/r1/x.lst", "flowcam/r1/x.lst"),
        ("disk/champions/plankton/3", "Published models/plankton/3"),
        ("disk/homes/bob/secret cruise/a.tif", "Elsewhere/a.tif"),
        ("disk/homes/ada/../bob/a.tif", "Elsewhere/a.tif"),
    ],
)
def test_a_path_is_named_by_its_place(
    home: Path, tmp_path: Path, path: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDELAB_CHAMPIONS")
    given = f"{tmp_path}/{path}" if "/" in path or path == "disk" else path
    assert shown_path(given, home / "runs") == shown


def test_parameters_that_are_no_paths_stay(home: Path, tmp_path: Path) -> None:
    use_case = listing_case(tmp_path)
    values = {"threshold": 0.5, "counted": f"{home}/a.csv", "note": "/etc is a word here"}
    shown = shown_parameters(values, use_case, home / "runs")
    assert shown == {"threshold": 0.5, "counted": "Home/a.csv", "note": "/etc is a word here"}
    assert shown_parameters(values, None, home / "runs")["note"] == "Elsewhere/etc is a word here"


def listing_case(tmp_path: Path) -> UseCase:
    """A use case with one more parameter, which names a file."""
    folder = make_use_case(tmp_path / "usecases", "listing-case").folder
    text = declaration("listing-case")
    parameters = text["notebooks"]["analyse"]["parameters"]  # type: ignore[index]
    parameters["counted"] = {**parameters["images"], "default": "", "title": "Counted", "help": "A table."}
    (folder / "usecase.yaml").write_text(yaml.safe_dump(text))
    return load_usecase(folder)


def test_nothing_that_leaves_names_the_machines_folders(home: Path, tmp_path: Path) -> None:
    use_case = listing_case(tmp_path)
    grey_png(home / "cruise" / "a.png", 40)
    (home / "counted.csv").write_text("1\n")
    own = home / "models" / "mine"
    own.parent.mkdir()
    (use_case.folder / "model" / "demo").rename(own)
    card = json.loads((own / "card.json").read_text())
    (own / "card.json").write_text(json.dumps({**card, "demo": False}))
    run = prepare(
        use_case, images=home / "cruise", parameters={"counted": str(home / "counted.csv")}, model=str(own), person="ada",
        runs_root=home / "runs",
    )  # fmt: skip
    get_executor("inline").submit(run)
    assert run.state().status == "done", run.log()
    machine = (str(tmp_path), str(tmp_path.name))
    with zipfile.ZipFile(run.package()) as archive:
        leaving = {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}
    for view in (views.summary, views.provenance):
        shown = view(run)
        leaving[view.__name__] = str(shown.html) + shown.text
    assert "Home/counted.csv" in leaving["provenance"]
    assert not {name for name, text in leaving.items() if any(one in text for one in machine)}
    manifest = run.manifest()
    assert manifest["images"] == ["Home/cruise"]
    assert manifest["parameters"]["counted"] == "Home/counted.csv"
    assert "Home/models/mine" in manifest["model"]["words"]
    crate = (run.path / "ro-crate-metadata.json").read_text()
    assert '"Home/counted.csv"' in crate
    # What stays lets everything be had again.
    again = RunFolder(run.path)
    assert again.request.images == [str(home / "cruise")]
    assert [one.problem for one in originals(again)] == [""]
