"""Augmentation varies what may vary and keeps what carries meaning."""

import numpy as np

from tidelab.training.augmentation import Augmentation, augment, augment_batch
from tidelab.training.synthetic import make_image


def square_picture():
    pixels = np.full((64, 64, 3), 170, np.uint8)
    pixels[20:44, 28:36] = 40
    return pixels


NOTHING = Augmentation(rotation_degrees=0, flip=False, zoom=0, brightness=0, contrast=0)


def test_nothing_asked_nothing_changed():
    assert (augment(square_picture(), NOTHING, np.random.default_rng(0)) == square_picture()).all()


def test_mirror_images_are_exact_and_about_half():
    pixels = square_picture()
    pixels[:, :10] = 100
    rng = np.random.default_rng(0)
    found = [
        augment(pixels, Augmentation(rotation_degrees=0, zoom=0, brightness=0, contrast=0), rng)
        for _ in range(60)
    ]
    mirrored = [(one == pixels[:, ::-1]).mean() > 0.99 for one in found]
    kept = [(one == pixels).all() for one in found]
    assert all(a or b for a, b in zip(mirrored, kept, strict=True))
    assert 15 < sum(mirrored) < 45


def test_rotation_keeps_area_and_fills_corners_with_the_border():
    rng = np.random.default_rng(1)
    settings = Augmentation(zoom=0, brightness=0, contrast=0)
    for _ in range(20):
        turned = augment(square_picture(), settings, rng)
        assert abs((turned[:, :, 0] < 105).sum() - 24 * 8) < 30
        assert (np.abs(turned[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int) - 170) <= 1).all()


def test_zoom_stays_within_its_limits():
    rng = np.random.default_rng(2)
    settings = Augmentation(rotation_degrees=0, flip=False, zoom=0.1, brightness=0, contrast=0)
    areas = [(augment(square_picture(), settings, rng)[:, :, 0] < 105).sum() / (24 * 8) for _ in range(40)]
    assert 0.7 < min(areas) < 0.95
    assert 1.05 < max(areas) < 1.35


def test_a_seed_repeats_the_batch():
    batch = np.stack([square_picture()] * 5)
    first, second = (augment_batch(batch, Augmentation(), np.random.default_rng(3)) for _ in range(2))
    assert (first == second).all()
    assert first.shape == batch.shape
    assert len({one.tobytes() for one in first}) == 5


def test_light_pictures_do_not_wrap_round():
    pixels = np.full((32, 32, 3), 250, np.uint8)
    found = augment(pixels, Augmentation(brightness=0.5), np.random.default_rng(0))
    assert found.min() > 100


def test_a_real_crop_keeps_its_type():
    pixels = make_image(0, 1).pixels[:40, :40]
    assert augment(np.ascontiguousarray(pixels), Augmentation(), np.random.default_rng(0)).dtype == np.uint8
