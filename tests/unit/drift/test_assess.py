"""The four states, and the sentences that stand with them."""

import json

import numpy as np
import pandas as pd
import pytest
from drift_factory import CLASSES, batch, joined, reference

from tidelab.domain.verdict import Verdict
from tidelab.drift import DriftSettings, Reference, assess, cannot_tell
from tidelab.drift.words import DEMO

REFERENCE = reference()
FAST = DriftSettings(permutations=199, maximum_images=150)


def verdict(made, settings=FAST, **keywords):
    return assess(*made.arguments, REFERENCE, settings, **keywords)


def text(given):
    return " ".join([given.headline, *given.reasons])


def test_images_like_the_reference_are_green():
    given = verdict(batch(120, seed=3))
    assert given.state == "green"
    assert given.headline == "These images look like those the model was tested on."
    assert given.unlike_share < 0.05
    assert given.n_images == 120
    assert given.n_reference == 450
    assert not any(test.differs for test in given.statistic_tests)
    assert len(given.reasons) == 1


def test_some_strangers_are_amber_and_many_are_red():
    some = verdict(batch(200, seed=4, strangers=0.15))
    many = verdict(batch(200, seed=4, strangers=0.5))
    assert (some.state, many.state) == ("amber", "red")
    assert some.unlike == round(some.unlike_share * 200)
    assert f"{some.unlike} of 200 images" in some.reasons[0]
    assert some.unlike_low < some.unlike_share < some.unlike_high
    assert some.known_low == 0
    assert some.known_high < 0.05 < some.unlike_low
    assert "95 % interval" in some.reasons[0]
    assert "among 15 known samples, 0 to " in some.reasons[0]
    assert "check some of each class by eye" in text(some)
    assert "Do not use the counts before a person has checked them" in text(many)


def test_the_state_does_not_grow_with_the_number_of_images():
    """Another sample, as samples are: a test that counts images is certain of a difference, 4,000 images are told as 60 are."""
    all_images = DriftSettings(permutations=199)
    catch = [0.55, 0.25, 0.2]
    small, large = (verdict(batch(n, seed=8, shares=catch), all_images) for n in (60, 4000))
    assert large.p_value <= 0.01
    assert small.state == large.state == "green"
    assert large.known_high < small.known_high  # more images say more of their share
    assert abs(large.score) < 3


def test_the_permutation_p_is_shown_and_decides_nothing():
    made = batch(300, seed=5)
    for level in (1e-6, 0.999):
        changed = FAST.model_copy(update={"p_value": level})
        assert verdict(made, changed).state == "green"
    assert 0 < verdict(made).p_value <= 1


def test_a_share_within_what_known_samples_show_is_no_alarm():
    """One unlike image of thirty is less than a normal sample may show; it is told with its interval."""
    found = [verdict(batch(30, seed=seed, strangers=0.04)) for seed in range(8)]
    one = [given for given in found if given.unlike == 1]
    assert one
    assert {given.state for given in one} == {"green"}
    assert all(given.known_high >= 1 / 30 for given in one)
    assert "1 of 30 images (3.3 %, 95 % interval 0.6 % to 17 %) is unlike the known ones" in one[0].reasons[0]


def test_a_change_that_all_images_share_is_seen_by_the_model_first():
    given = verdict(batch(100, seed=6, moved=np.eye(16)[0] * 2.5))
    assert given.state == "amber"
    assert given.matched_mmd > given.matched_mmd_high
    assert given.matched_p_value < 0.02
    assert "lie elsewhere for the model" in text(given)
    assert given.score > 3


def test_the_samples_of_a_run_are_judged_one_by_one():
    """One of six samples is full of strangers, and the whole would drown it."""
    parts = [batch(150, seed=20 + i, strangers=0.14 if i == 3 else 0.0) for i in range(6)]
    names = [f"haul {i}" for i in range(6) for _ in range(150)]
    given = verdict(joined(parts), sample_ids=names)
    assert given.unlike_share < 0.05
    assert given.state == "amber"
    assert {one.sample_id: one.state for one in given.samples} == {
        f"haul {i}": "amber" if i == 3 else "green" for i in range(6)
    }
    assert "1 of 6 samples stands out: haul 3 (" in text(given)
    assert verdict(parts[0], sample_ids=["haul 0"] * 150).samples == []
    few = verdict(joined([parts[0], batch(10, seed=1)]), sample_ids=["a"] * 150 + ["b"] * 10)
    assert few.samples[1].state == "grey"
    assert few.samples[1].words == "fewer than 30 images"


def test_darker_images_are_named_with_their_numbers():
    given = verdict(batch(120, seed=7, looks={"brightness": -40}))
    first = given.statistic_tests[0]
    assert first.name == "brightness"
    assert first.differs
    assert first.median == pytest.approx(140, abs=5)
    assert first.reference_median == pytest.approx(180, abs=5)
    assert (
        first.plain
        == f"your images are darker (median brightness {first.median:.0f} against {first.reference_median:.0f})"
    )
    assert first.plain in text(given)
    assert (
        given.state == "amber"
    )  # close to the reference for the model, far off for the eye: a person should look


def test_the_size_is_told_once():
    given = verdict(batch(120, seed=8, looks={"width_px": -45, "height_px": -35, "sharpness": -0.5}))
    assert "are smaller (median" in text(given)
    assert "narrower" not in text(given)
    assert "are more blurred" in text(given)


def test_width_and_height_that_part_are_told_apart():
    given = verdict(batch(120, seed=8, looks={"width_px": 40, "height_px": -30}))
    assert "are wider" in text(given)
    assert "are less tall" in text(given)


def test_another_spread_is_told_in_words():
    made = batch(200, seed=9)
    for i, row in enumerate(made.statistics):
        row["brightness"] = 180.0 + (35.0 if i % 2 else -35.0) + 0.01 * i
    given = verdict(made)
    assert "vary more in brightness" in text(given)


def test_a_change_of_the_catch_is_apart_from_a_change_of_looks():
    given = verdict(batch(300, seed=10, shares=[0.9, 0.05, 0.05]))
    assert given.state == "green"
    assert given.share_distance > 0.4
    assert given.share_changes[0].label == CLASSES[0]
    assert given.share_changes[0].share == pytest.approx(0.9, abs=0.05)
    assert "the mix of classes is another one" in text(given)
    assert "known samples lie" in text(given)
    assert sum(change.share for change in given.share_changes) == pytest.approx(1, abs=1e-5)


def test_a_bloom_is_no_drift():
    """A set of mostly one class, whichever it is, against a reference of all classes."""
    states = [
        verdict(batch(n, seed=seed, shares=shares)).state
        for seed in range(4)
        for n in (30 if seed % 2 else 150,)
        for shares in ([0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9])
    ]
    assert states.count("green") >= 10
    assert "red" not in states


def test_a_bloom_of_a_class_that_is_hardly_known_is_never_red():
    """Six known images cannot tell how much the images of their class differ."""
    known = reference(450, shares=[0.493, 0.493, 0.014])
    assert 0 < known.labels.count(CLASSES[2]) < 10
    states = [
        assess(*batch(60, seed=seed, shares=[0.1, 0.1, 0.8]).arguments, known, FAST) for seed in range(6)
    ]
    assert "red" not in {given.state for given in states}
    assert any("fewer than 20" in text(given) for given in states if given.unlike_share > 0.2)


def test_looks_that_come_with_the_catch_are_not_blamed_on_the_camera():
    """One class is larger than the others; a bloom of it makes images larger, and that is no news about the camera."""

    def with_large_class(made):
        for row, label in zip(made.statistics, made.labels, strict=True):
            row["width_px"] += 200 if label == CLASSES[0] else 0
        return made

    known = with_large_class(joined([batch(30, seed=100 + i) for i in range(15)]))
    given = assess(
        *with_large_class(batch(300, seed=2, shares=[0.9, 0.05, 0.05])).arguments,
        Reference.build(*known.arguments, [f"s{i // 30}" for i in range(450)]),
        FAST,
    )
    width = next(test for test in given.statistic_tests if test.name == "width_px")
    assert width.statistic > 0.4
    assert width.matched < 0.1
    assert not width.differs
    assert given.state == "green"


def test_the_most_drifted_images_come_with_their_nearest_known_ones():
    made = batch(100, seed=11)
    made.embeddings[42] = np.eye(16)[0] * 30
    made.embeddings[7] = -REFERENCE.embeddings.mean(axis=0) + np.eye(16)[1] * 30
    ids = [f"sha256:{i}" for i in range(100)]
    given = verdict(made, image_ids=ids, images=[f"a/{i}.png" for i in range(100)])
    assert len(given.drifted) == 12
    assert {one.image for one in given.drifted[:2]} == {"a/7.png", "a/42.png"}
    assert all(one.image_id == "sha256:" + one.image[2:-4] for one in given.drifted)
    assert [one.distance for one in given.drifted] == sorted(
        (one.distance for one in given.drifted), reverse=True
    )
    found = next(one for one in given.drifted if one.image == "a/42.png")
    directions = REFERENCE.embeddings / np.linalg.norm(REFERENCE.embeddings, axis=1, keepdims=True)
    brute = np.linalg.norm(directions - np.eye(16)[0], axis=1)
    assert found.nearest == brute.argmin()
    # Told relative to what is usual for the class, on the scale of all.
    assert found.distance == pytest.approx(brute.min(), rel=0.5)
    assert found.distance > given.unlike_distance


def test_a_table_of_statistics_and_a_list_give_the_same():
    made = batch(60, seed=12)
    made_table = pd.DataFrame(made.statistics).assign(unknown=1.0)
    assert assess(made.embeddings, made_table, made.labels, REFERENCE, FAST) == verdict(made)


def test_equal_input_gives_equal_json_and_the_default_settings_work():
    made = batch(60, seed=13)
    first, second = (assess(*made.arguments, REFERENCE) for _ in range(2))
    assert first.model_dump_json() == second.model_dump_json()
    assert Verdict.model_validate(json.loads(first.model_dump_json())) == first


def test_many_images_are_drawn_from_for_the_kernel_only():
    made = batch(900, seed=14, strangers=0.2)
    given = verdict(made, DriftSettings(permutations=99, maximum_images=100))
    assert given.n_images == 900
    assert given.unlike > 100
    assert given.p_value <= 0.05


def test_how_sure_the_model_is_does_not_hide_where_it_looks():
    """The length of an embedding is no distance: longer or shorter ones of the same direction are no strangers."""
    made = batch(100, seed=3)
    longer = batch(100, seed=3)
    longer.embeddings *= 7
    assert verdict(longer).unlike == verdict(made).unlike
    assert verdict(longer).mmd == pytest.approx(verdict(made).mmd, abs=1e-5)


# -- grey -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "words"), [(0, "There are 0 images"), (1, "There is 1 image;"), (29, "There are 29 images")]
)
def test_too_few_images_are_grey(n, words):
    given = verdict(batch(n))
    assert given.state == "grey"
    assert given.headline == "Whether the model is fit for these images cannot be told."
    assert given.reasons[0].startswith(words)
    assert "at least 30 are needed" in given.reasons[0]
    assert given.p_value is None


def test_no_reference_is_grey():
    given = assess(*batch(50).arguments, None, FAST)
    assert given.state == "grey"
    assert "came without a drift reference" in given.reasons[0]


def test_a_reference_of_few_samples_is_grey_and_shows_its_figures():
    given = assess(*batch(100, seed=4, strangers=0.5).arguments, reference(300, samples=9), FAST)
    assert given.state == "grey"
    assert given.headline == "Whether the model is fit for these images cannot be told."
    assert "holds 9 such samples, and 10 samples with at least 5 images each are needed" in given.reasons[0]
    assert given.unlike > 30
    assert f"{given.unlike} of 100 images" in given.reasons[1]
    assert given.known_high is None
    assert given.known_samples == 9
    assert assess(*batch(100, seed=3).arguments, reference(300, samples=10), FAST).state == "green"


def test_samples_of_a_handful_of_images_do_not_count():
    given = assess(*batch(100, seed=3).arguments, reference(80, samples=20), FAST)
    assert given.state == "grey"
    assert given.known_samples == 0


def test_a_reference_that_names_no_samples_is_grey():
    given = assess(*batch(100, seed=4).arguments, reference(300, named=False), FAST)
    assert given.state == "grey"
    assert "does not say which samples its images come from" in given.reasons[0]
    assert "samples.csv" in given.reasons[0]
    assert given.p_value is not None


def test_a_small_reference_is_grey():
    given = assess(*batch(50).arguments, reference(12), FAST)
    assert given.state == "grey"
    assert "holds only 12 images; at least 20 are needed" in given.reasons[0]


def test_the_reference_of_another_model_is_grey():
    made = batch(50)
    made.embeddings = made.embeddings[:, :5]
    given = verdict(made)
    assert given.state == "grey"
    assert "it holds 16 numbers for each image, this model gives 5" in given.reasons[0]


def test_a_model_that_gives_no_numbers_is_grey():
    made = batch(50)
    made.embeddings[3, 2] = np.nan
    given = verdict(made)
    assert given.state == "grey"
    assert "not finite for 1 of 50 images" in given.reasons[0]


def test_a_demonstration_model_is_always_grey_and_shows_its_figures():
    given = verdict(batch(100, seed=4, strangers=0.5, looks={"brightness": -40}), demo=True)
    assert given.state == "grey"
    assert given.headline == DEMO
    assert given.p_value == 0.005
    assert given.drifted
    assert "your images are darker" in text(given)
    assert "Do not use the counts" not in text(given)
    assert cannot_tell("No.", demo=True).headline == DEMO
    assert cannot_tell("No.").state == "grey"


# -- awkward input --------------------------------------------------------------------------------------------------------


def test_unnamed_images_and_unknown_classes_are_no_obstacle():
    made = batch(60, seed=15)
    made.labels = ["", "New class"] * 30
    given = verdict(made)
    changes = {change.label: (change.share, change.reference_share) for change in given.share_changes}
    assert changes["New class"] == (1.0, 0.0)
    assert "" not in changes
    made.labels = [""] * 60
    assert verdict(made).share_distance is None


def test_missing_and_broken_statistics_are_left_out():
    made = batch(60, seed=16)
    made.statistics = [{"brightness": float("nan"), "sharpness": row["sharpness"]} for row in made.statistics]
    assert [test.name for test in verdict(made).statistic_tests] == ["sharpness"]
    made.statistics = [{}] * 60
    assert verdict(made).statistic_tests == []


def test_copies_of_one_known_image_are_not_far_from_the_reference():
    made = batch(60, seed=17)
    made.embeddings[:] = REFERENCE.embeddings[0]
    given = verdict(made)
    assert given.unlike == 0
    assert given.state != "red"


def test_lengths_that_disagree_are_a_programming_error():
    made = batch(40)
    with pytest.raises(ValueError, match="labels must have one entry for each of the 40 embeddings, got 39"):
        assess(made.embeddings, made.statistics, made.labels[:-1], REFERENCE, FAST)
    with pytest.raises(ValueError, match="images must have one entry"):
        verdict(made, images=["a"])


def test_every_verdict_is_short():
    made = batch(
        300,
        seed=18,
        strangers=0.4,
        looks={"brightness": -60, "sharpness": -0.5, "width_px": 50},
        shares=[0.8, 0.1, 0.1],
    )
    given = verdict(made)
    assert given.state == "red"
    assert len(given.reasons) <= 4
    assert all(reason.endswith(".") and len(reason) < 320 for reason in given.reasons)
