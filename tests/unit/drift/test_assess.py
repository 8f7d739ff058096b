"""The four states, and the sentences that stand with them."""

import json

import numpy as np
import pandas as pd
import pytest
from drift_factory import CLASSES, batch, reference

from tidelab.domain.verdict import Verdict
from tidelab.drift import DriftSettings, Reference, assess, cannot_tell
from tidelab.drift.words import DEMO

REFERENCE = reference()
FAST = DriftSettings(permutations=199)


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
    assert given.n_reference == 150
    assert not any(test.differs for test in given.statistic_tests)
    assert len(given.reasons) == 1


def test_some_strangers_are_amber_and_many_are_red():
    some = verdict(batch(200, seed=4, strangers=0.15))
    many = verdict(batch(200, seed=4, strangers=0.5))
    assert (some.state, many.state) == ("amber", "red")
    assert some.unlike == round(some.unlike_share * 200)
    assert f"{some.unlike} of 200 images" in some.reasons[0]
    assert "about 2 would be expected" in some.reasons[0]
    assert "check some of each class by eye" in text(some)
    assert "Do not use the counts before a person has checked them" in text(many)


def test_the_state_does_not_grow_with_the_number_of_images():
    """A difference without effect that the p-value is certain of: 4,000 images must not be told otherwise than 60 are."""
    catch = [0.55, 0.25, 0.2]
    small, large = verdict(batch(60, seed=5, shares=catch)), verdict(batch(4000, seed=6, shares=catch))
    assert large.p_value <= 0.01
    assert small.state == large.state == "green"
    assert "by more than chance" in text(large)


def test_too_few_strangers_for_certainty_stay_green_and_are_told():
    found = [verdict(batch(30, seed=seed, strangers=0.07)) for seed in range(12)]
    unsure = [one for one in found if one.unlike_share >= 0.05 and one.state == "green"]
    assert unsure
    assert all("can still be chance with so few images" in one.reasons[0] for one in unsure)


def test_false_alarms_are_rare():
    quick = DriftSettings(permutations=99, p_value=0.05)
    states = [
        assess(*batch(40, seed=seed).arguments, reference(60, seed=5000 + seed), quick).state
        for seed in range(100)
    ]
    assert set(states) <= {"green", "amber"}
    assert states.count("amber") <= 8


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
    assert "The mix of classes differs" in text(given)
    assert sum(change.share for change in given.share_changes) == pytest.approx(1, abs=1e-5)


def test_a_bloom_is_no_drift():
    """A set of mostly one class, whichever it is, against a reference of all classes."""
    states = [
        assess(*batch(200, seed=seed, shares=shares).arguments, reference(150, seed=900 + seed), FAST).state
        for seed in range(10)
        for shares in ([0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9])
    ]
    assert states.count("green") >= 28


def test_looks_that_come_with_the_catch_are_not_blamed_on_the_camera():
    """One class is larger than the others; a bloom of it makes images larger, and that is no news about the camera."""

    def with_large_class(made):
        for row, label in zip(made.statistics, made.labels, strict=True):
            row["width_px"] += 200 if label == CLASSES[0] else 0
        return made

    known = with_large_class(batch(300, seed=1))
    given = assess(
        *with_large_class(batch(300, seed=2, shares=[0.9, 0.05, 0.05])).arguments,
        Reference.build(*known.arguments),
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
    assert found.distance == pytest.approx(brute.min(), rel=1e-4)
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
