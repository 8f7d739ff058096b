"""The repository's own use cases, and what its template makes, are in order."""

import pytest

from tidelab import paths
from tidelab.catalogue import load_usecase, usecase_candidates
from tidelab.catalogue.check import check_usecase

FOLDERS = [folder for folder in usecase_candidates() if folder.parent == paths.checkout() / "notebooks"]


def test_there_are_use_cases():
    assert "flowcam-plankton" in [folder.name for folder in FOLDERS]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_use_case_is_in_order(folder):
    problems = check_usecase(load_usecase(folder))
    assert not problems, "\n".join(map(str, problems))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_is_committed_stays_small(folder):
    for path in folder.rglob("*"):
        if path.is_file() and ".ipynb_checkpoints" not in path.parts:
            # The smallest network that finds objects is several megabytes; nothing else is.
            limit = 7_000_000 if path.name == "model.onnx" else 1_000_000
            assert path.stat().st_size < limit, (
                f"{path} is {path.stat().st_size} bytes; what is large is downloaded"
            )


def test_flowcam_classes_are_those_of_its_publishers(shared_data):
    """Names and AphiaIDs, as two published class lists give them."""
    declared = {
        label.name: label.aphia_id
        for label in load_usecase(paths.checkout() / "notebooks" / "flowcam-plankton").labels
    }
    phyto = shared_data / "flowcam-plankton" / "phyto"
    demo = (phyto / "data/dataset_files/classes.txt").read_text().split()
    assert list(declared) == demo
    for folder in ("data/dataset_files_from_training", "models/phytoplankton_vliz/dataset_files"):
        names = (phyto / folder / "classes.txt").read_text().splitlines()
        identifiers = (phyto / folder / "aphia_ids.txt").read_text().splitlines()
        published = dict(zip(names, identifiers, strict=True))
        # The training list has the class `Ciliophora:part` only; both carry the phylum's number.
        published.setdefault("Ciliophora", published.get("Ciliophora:part", ""))
        assert {name: str(number) for name, number in declared.items()} == {
            name: published[name] for name in declared
        }
