"""The words of the methods paragraph that come from the manifest."""

from tidelab.domain.verdict import Verdict
from tidelab.runs.methods import Knowledge, methods_paragraph, model_reference, package_note

MODEL = {
    "name": "flowcam-plankton", "version": "3", "title": "EfficientNet", "digest": "sha256:ab", "demo": False,
    "source_of_weights": "https://doi.org/10.5281/zenodo.15269453", "citation": "",
}  # fmt: skip
MANIFEST = {
    "model": MODEL, "counts": {"images": 1, "failed_files": 2}, "code": {"tidelab": "0.2", "commit": "0123456789abcdef", "modified": True},
    "environment": {"python": "3.11.9", "packages": {"numpy": "2.1", "tidelab": "0.2"}}, "parameters": {"threshold": 0.5},
    "inference": {"runtime": "onnxruntime 1.2"}, "use_case": {"title": "Plankton", "slug": "x"}, "run": "r", "finished": "t",
}  # fmt: skip
GREEN = Verdict(state="green", headline="They look alike.")


def test_it_carries_versions_threshold_digest_and_doi():
    words = methods_paragraph(MANIFEST, GREEN, "flowcam-plankton")
    for part in (
        "1 image was classified with Tidelab 0.2, commit 0123456789ab with local changes (use case flowcam-plankton)",
        "flowcam-plankton, version 3 (EfficientNet; weights https://doi.org/10.5281/zenodo.15269453; sha256:ab)",
        "at least 0.5", "2 files could not be used", "no person has validated them", "green. They look alike.", "numpy 2.1",
    ):  # fmt: skip
        assert part in words


def test_what_became_known_takes_the_place_of_not_validated():
    words = methods_paragraph(MANIFEST, GREEN, "x", Knowledge("Grace looked.", "1 mL.", "By PACC."))
    assert "not measured accuracies. Grace looked. 1 mL. By PACC. Fitness" in words
    assert "no person" not in words


def test_a_demonstration_model_says_so_wherever_it_is_cited():
    demo = {**MANIFEST, "model": {**MODEL, "demo": True}}
    assert model_reference(demo).startswith("DEMONSTRATION MODEL, not for science: flowcam-plankton")
    assert "must not be used as data" in methods_paragraph(demo, GREEN, "x")
    assert "must not be used as data" in package_note(demo, ["results.csv"])


def test_the_readme_names_the_files_that_are_there():
    note = package_note(MANIFEST, ["results.csv", "audits.json"])
    assert "results.csv" in note
    assert "audits.json" in note
    assert "samples.csv" not in note
