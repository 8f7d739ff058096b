"""Twins are found through what happens to files; different particles are not taken for twins."""

import io

import numpy as np
import pytest
from PIL import Image

from tidelab.science.near_duplicates import near_duplicates, straddling
from tidelab.training.synthetic import make_images


@pytest.fixture(scope="module")
def crops():
    return [picture.pixels for picture in make_images(90, seed=5)]


def saved_again(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer).convert("RGB"))


def scaled(pixels):
    height, width = pixels.shape[:2]
    return np.asarray(
        Image.fromarray(pixels).resize((round(width * 1.08), round(height * 1.08)), Image.Resampling.BICUBIC)
    )


def lighter(pixels):
    return np.clip(pixels.astype(int) + 12, 0, 255).astype(np.uint8)


def test_different_particles_are_no_twins(crops):
    assert near_duplicates(crops) == []


@pytest.mark.parametrize("change", [saved_again, scaled, lighter, np.copy])
def test_twins_are_found(crops, change):
    chosen = range(0, 90, 3)
    expected = {(k, 90 + n) for n, k in enumerate(chosen)}
    pairs = near_duplicates([*crops, *(change(crops[k]) for k in chosen)])
    found = {(pair.first, pair.second) for pair in pairs}
    assert found <= expected
    assert len(found) >= len(expected) - 1, "thin horns may change too much when they are enlarged"
    assert all(0.96 <= pair.correlation <= 1 for pair in pairs)


def test_only_pairs_on_both_sides_straddle(crops):
    pairs = near_duplicates([crops[0], crops[1], crops[0], crops[1]])
    found = straddling(pairs, ["train", "test", "test", "test"])
    assert [(pair.first, pair.second) for pair in found] == [(0, 2)]


def test_few_images_have_no_pairs():
    assert near_duplicates([]) == []
    assert near_duplicates([np.zeros((5, 5, 3), np.uint8)]) == []
