"""Estimates of a run: what they say, every reason to withhold them, audits, keeping."""

import json

import numpy as np
import pytest

from tests.support.brightness import LABELS
from tests.support.known_counts import bundle, held_out, run_of
from tidelab.runs import RunFolder
from tidelab.runs.estimates import ESTIMATES_FILE, estimates
from tidelab.runs.validation import Validation

COUNTS = (160, 30, 10)


@pytest.fixture
def model(use_case, tmp_path):
    return bundle(tmp_path / "model", use_case.slug).folder


def whole(found, label):
    return next(one for one in found.classes if not one.sample_id and one.label == label)


def answer(folder, image_ids, truth, *, all_names=LABELS):
    """Let a person name images truly; an unknown one they cannot name."""
    validation = Validation(folder)
    for number, label in enumerate(all_names):
        chosen = [one for one in image_ids if truth[int(one.split(":")[1], 16)] == number]
        if chosen:
            validation.move(chosen, label, "bea")
    unknown = [one for one in image_ids if truth[int(one.split(":")[1], 16)] == -1]
    if unknown:
        validation.unknown(unknown, "bea")


def test_corrected_counts_stand_beside_raw_ones_with_intervals_that_hold_the_truth(use_case, model):
    folder, truth = run_of(use_case, model, COUNTS)
    found = folder.estimates()
    assert found.withheld == []
    for number, label in enumerate(LABELS):
        one = whole(found, label)
        assert one.method == "PACC"
        assert one.corrected.low <= (truth == number).sum() <= one.corrected.high
        assert one.raw == (folder.results()["label"] == label).sum()
        assert one.check == pytest.approx(one.corrected.value, abs=15)
    # Errors flow into the rare class, and are taken out of it.
    rare = whole(found, "bright")
    assert abs(rare.corrected.value - 10) < abs(rare.raw - 10)
    assert sum(one.corrected.value for one in found.classes if not one.sample_id) == pytest.approx(
        200, abs=0.1
    )
    assert "Bella et al. 2010" in found.method_words
    assert found.not_covered
    assert found.labelled_images == 240
    assert any("own model" in note for note in found.notes)


def test_the_only_sample_reads_as_the_whole_run_and_several_are_estimated_each(use_case, model):
    folder, _ = run_of(use_case, model, COUNTS)
    found = folder.estimates()
    assert [one.corrected for one in found.classes if not one.sample_id] == [
        one.corrected for one in found.classes if one.sample_id == "S1"
    ]
    folder, _ = run_of(use_case, model, (320, 60, 20), samples=4)
    found = folder.estimates()
    for sample_id in ("S1", "S2", "S3", "S4"):
        part = [one for one in found.classes if one.sample_id == sample_id]
        assert sum(one.raw for one in part) == 100
        assert sum(one.corrected.value for one in part) == pytest.approx(100, abs=0.1)


def test_small_samples_are_withheld_and_the_run_is_not(use_case, model):
    folder, _ = run_of(use_case, model, COUNTS, samples=8)
    found = folder.estimates()
    assert found.withheld == []
    parts = [one for one in found.classes if one.sample_id]
    assert all(one.corrected is None and "25 images in this sample" in one.withheld for one in parts)


@pytest.mark.parametrize(
    ("counts", "verdict", "words"),
    [
        ((20, 5, 2), "green", "27 images in this run; a corrected count needs at least 30"),
        (COUNTS, "red", "not fit for these images: It is red."),
        ((160, 30, 10, 50), "green", "of no class that the model was trained on"),
    ],
)
def test_a_run_is_withheld_with_the_reason(use_case, model, counts, verdict, words):
    folder, _ = run_of(use_case, model, counts, verdict=verdict)
    found = folder.estimates()
    assert words in " ".join(found.withheld)
    assert all(one.corrected is None and words in one.withheld for one in found.classes)
    assert all(one.method == "" and one.check is None for one in found.classes)


def test_a_sample_with_something_new_is_withheld_and_the_others_are_not(use_case, model):
    folder, truth = run_of(use_case, model, (320, 60, 20, 60), samples=4)
    results = folder.results()
    results["sample_id"] = np.where(truth == -1, "S1", results["sample_id"])
    results.to_csv(folder.path / "results.csv", index=False)
    found = folder.estimates()
    assert "of no class that the model was trained on" in found.withheld[0]
    held = {one.sample_id: one.corrected is None for one in found.classes}
    assert held == {"": True, "S1": True, "S2": False, "S3": False, "S4": False}


def test_an_unknown_class_of_a_twentieth_is_put_apart(use_case, model):
    folder, _ = run_of(use_case, model, (400, 80, 20, 15))
    found = folder.estimates()
    assert found.withheld == []
    assert found.beyond >= 15
    assert whole(found, "").corrected.value == pytest.approx(15, abs=6)


def test_without_held_out_images_or_with_others_corrections_are_withheld(use_case, tmp_path):
    bare = bundle(tmp_path / "bare", use_case.slug, {}).folder
    folder, _ = run_of(use_case, bare, COUNTS)
    assert "came without the held-out labelled images" in folder.estimates().withheld[0]
    torn = bundle(tmp_path / "torn", use_case.slug, {"heldout.npz": held_out().to_bytes()[:-40]}).folder
    folder, _ = run_of(use_case, torn, COUNTS)
    assert "cannot be used to correct counts" in folder.estimates().withheld[0]
    changed = bundle(tmp_path / "changed", use_case.slug).folder
    folder, _ = run_of(use_case, changed, COUNTS)
    (changed / "heldout.npz").write_bytes(held_out(seed=9).to_bytes())
    assert "not the file that was exported" in folder.estimates().withheld[0]
    (changed / "heldout.npz").unlink()
    assert "cannot be read" in folder.estimates().withheld[0]
    bundle(changed, use_case.slug, {"heldout.npz": held_out(seed=9).to_bytes()})
    assert "exchanged since the run was made" in folder.estimates().withheld[0]
    (changed / "card.json").unlink()
    assert "no longer where it was" in folder.estimates().withheld[0]


def test_a_run_of_an_earlier_version_without_probabilities_says_what_to_do(use_case, model):
    folder, _ = run_of(use_case, model, COUNTS)
    (folder.path / "probabilities.npy").unlink()
    assert "Run the analysis again" in folder.estimates().withheld[0]
    np.save(folder.path / "probabilities.npy", np.ones((3, 2), np.float32))
    assert "expected (200, 3)" in folder.estimates().withheld[0]
    (folder.path / "probabilities.npy").write_bytes(b"no array")
    assert "Run the analysis again" in folder.estimates().withheld[0]


def test_a_rare_class_without_test_images_is_withheld_alone_and_a_common_one_withholds_all(
    use_case, tmp_path
):
    few = bundle(tmp_path / "few", use_case.slug, {"heldout.npz": held_out((80, 80, 19)).to_bytes()}).folder
    folder, _ = run_of(use_case, few, (190, 40, 0), seed=5)
    said = folder.probabilities()
    said[:, 2] = 0.001
    np.save(folder.path / "probabilities.npy", said / said.sum(axis=1, keepdims=True))
    found = folder.estimates()
    assert found.withheld == []
    assert "only 19 held-out test images" in whole(found, "bright").withheld
    assert whole(found, "dark").corrected is not None
    assert any("bright" in note for note in found.notes)
    folder, _ = run_of(use_case, few, (100, 40, 60))
    found = folder.estimates()
    assert "bright has fewer than 20 held-out test images" in found.withheld[0]


def test_a_demo_model_and_a_grey_verdict_are_said_above_the_numbers(use_case, tmp_path):
    demo = bundle(tmp_path / "demo", use_case.slug, demo=True).folder
    folder, _ = run_of(use_case, demo, COUNTS, verdict="grey")
    found = folder.estimates()
    assert whole(found, "dark").corrected is not None
    assert found.notes[0].startswith("Demo model")
    assert "Verdict on these images, Cannot tell: It is grey." in found.notes


@pytest.mark.parametrize(("design", "method"), [("stratified", "audit-stratified"), ("simple", "audit-ppi")])
def test_an_answered_audit_makes_the_counts_whatever_the_model_is(use_case, tmp_path, design, method):
    bare = bundle(tmp_path / "bare", use_case.slug, {}).folder
    folder, truth = run_of(use_case, bare, (160, 30, 10, 20), verdict="red")
    audit = Validation(folder).draw_audit(80, 7, "bea", design=design)
    answer(folder, audit.image_ids[:-1], truth)
    found = folder.estimates()
    assert found.withheld
    assert any("79 of 80 images checked" in note for note in found.notes)
    answer(folder, audit.image_ids[-1:], truth)
    found = folder.estimates()
    assert found.withheld == []
    assert {one.method for one in found.classes if one.corrected} == {method}
    for number, label in ((0, "dark"), (1, "middle"), (2, "bright"), (-1, "")):
        one = whole(found, label)
        assert one.corrected.low <= (truth == number).sum() <= one.corrected.high
    assert audit.audit_id in found.method_words
    assert (
        sum(one.validated for one in found.classes if not one.sample_id)
        == (truth[[int(i[7:], 16) for i in audit.image_ids]] >= 0).sum()
    )


def test_an_audit_without_probabilities_is_estimated_by_strata(use_case, model):
    folder, truth = run_of(use_case, model, COUNTS)
    (folder.path / "probabilities.npy").unlink()
    audit = Validation(folder).draw_audit(60, 7, "bea", design="simple")
    answer(folder, audit.image_ids, truth)
    found = folder.estimates()
    assert whole(found, "dark").method == "audit-stratified"
    assert whole(found, "dark").corrected.low <= 160 <= whole(found, "dark").corrected.high


def test_a_small_audit_says_so_and_a_sample_needs_its_own_checked_images(use_case, model):
    folder, truth = run_of(use_case, model, COUNTS, samples=4)
    small = Validation(folder).draw_audit(10, 1, "bea")
    answer(folder, small.image_ids, truth)
    found = folder.estimates()
    assert whole(found, "dark").method == "PACC"
    assert any("needs at least 20" in note for note in found.notes)
    assert any("looked at by a person" in note for note in found.notes)
    large = Validation(folder).draw_audit(60, 2, "bea")
    answer(folder, large.image_ids, truth)
    found = folder.estimates()
    assert whole(found, "dark").method == "audit-stratified"
    assert any("of this sample; an estimate needs" in one.withheld for one in found.classes if one.sample_id)


def test_a_predicted_class_looked_at_in_full_is_known_exactly(use_case, model):
    folder, truth = run_of(use_case, model, COUNTS)
    results = folder.results()
    named = results["label"].to_numpy()
    answer(folder, results["image_id"][named == "dark"].tolist(), truth)
    audit = Validation(folder).draw_audit(40, 3, "bea")
    answer(folder, audit.image_ids, truth)
    drawn = results["image_id"].isin(audit.image_ids).to_numpy()
    by_hand = ((named == "dark") & (truth == 0)).sum()
    for stratum in ("middle", "bright"):
        inside = named == stratum
        by_hand += inside.sum() * (truth[inside & drawn] == 0).mean()
    assert whole(folder.estimates(), "dark").corrected.value == pytest.approx(by_hand, abs=1e-3)


def test_a_run_that_a_person_saw_in_full_needs_no_model(use_case, tmp_path):
    bare = bundle(tmp_path / "bare", use_case.slug, {}).folder
    folder, truth = run_of(use_case, bare, COUNTS, verdict="red")
    answer(folder, folder.results()["image_id"].tolist(), truth)
    found = folder.estimates()
    one = whole(found, "bright")
    assert (one.method, one.raw, one.validated, one.corrected.value) == ("validated", 10, 10, 10)
    assert (one.corrected.low, one.corrected.high) == (4.795, 18.39)
    assert whole(found, "").corrected.high == pytest.approx(3.689)


def test_concentrations_need_the_volume_of_every_sample_and_a_class_that_lives(use_case, model):
    from tidelab.domain.sample import SAMPLE_COLUMNS

    folder, _ = run_of(use_case, model, COUNTS, samples=2)
    assert all(one.concentration_per_ml is None for one in folder.estimates().classes)

    def write(factors):
        lines = [",".join(SAMPLE_COLUMNS)]
        for sample_id, factor in zip(("S1", "S2"), factors, strict=True):
            row = {
                "sample_id": sample_id,
                "images": "100",
                "volume_imaged_ml": "2.0",
                "dilution_factor": factor,
                "origins": "",
            }
            lines.append(",".join(row.get(name, "") for name in SAMPLE_COLUMNS))
        (folder.path / "samples.csv").write_text("\n".join(lines) + "\n")

    write(["0.5", ""])
    found = folder.estimates()
    assert whole(found, "middle").concentration_per_ml is None
    part = next(one for one in found.classes if one.sample_id == "S1" and one.label == "middle")
    assert part.concentration_of == "corrected"
    assert part.concentration_per_ml.value == pytest.approx(part.corrected.value / 4)
    write(["0.5", "0.5"])
    one = whole(folder.estimates(), "middle")
    assert one.concentration_per_ml.high == pytest.approx(one.corrected.high / 8)
    assert whole(folder.estimates(), "").concentration_per_ml is None
    (folder.path / "samples.csv").write_text("damaged")
    found = folder.estimates()
    assert whole(found, "middle").concentration_per_ml is None
    assert any("No concentrations" in note and "samples.csv" in note for note in found.notes)


def test_estimates_are_kept_until_something_changes(use_case, model, monkeypatch):
    folder, truth = run_of(use_case, model, COUNTS)
    first = folder.estimates()
    monkeypatch.setattr("tidelab.runs.estimates.kept.compute", lambda *_: pytest.fail("computed again"))
    assert RunFolder(folder.path).estimates() == first
    monkeypatch.undo()
    answer(folder, folder.results()["image_id"].tolist()[:1], truth)
    second = folder.estimates()
    assert second.key != first.key
    assert json.loads((folder.path / ESTIMATES_FILE).read_text())["key"] == second.key
    (folder.path / ESTIMATES_FILE).write_text("{torn")
    assert estimates(folder) == second


def test_the_same_run_gives_the_same_estimates_wherever_it_lies(use_case, model, tmp_path):
    import shutil

    folder, _ = run_of(use_case, model, COUNTS)
    first = folder.estimates()
    copy = tmp_path / "elsewhere" / use_case.slug / folder.path.name
    shutil.copytree(folder.path, copy)
    (copy / ESTIMATES_FILE).unlink()
    assert RunFolder(copy).estimates() == first
