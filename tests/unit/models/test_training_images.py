"""The list of training images of a bundle."""

import hashlib

import pytest

from tests.support.tiny_model import tiny_bundle
from tidelab.models import BundleError
from tidelab.models.training_images import TRAINING_IMAGES, TrainingImages

SEEN = TrainingImages(frozenset(hashlib.sha256(bytes([k])).hexdigest() for k in range(5)))


def test_it_travels_with_the_bundle_under_its_digest(tmp_path):
    bundle = tiny_bundle(tmp_path / "bundle", files={TRAINING_IMAGES: SEEN.to_bytes()})
    assert TRAINING_IMAGES in bundle.card.files
    assert TrainingImages.load(bundle.folder) == SEEN
    assert SEEN.to_bytes().decode().split() == sorted(SEEN.digests)
    assert TrainingImages.load(tiny_bundle(tmp_path / "old").folder) is None


@pytest.mark.parametrize(
    "content", [b"abc\n", b"\xff" * 64 + b"\n", SEEN.to_bytes() + b"\n", b"A" * 64 + b"\n", b"0" * 65]
)
def test_a_line_that_is_no_digest_is_named(tmp_path, content):
    (tmp_path / TRAINING_IMAGES).write_bytes(content)
    with pytest.raises(BundleError, match=r"training_images\.txt, line \d"):
        TrainingImages.load(tmp_path)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "other").write_bytes(SEEN.to_bytes())
    (tmp_path / TRAINING_IMAGES).symlink_to(tmp_path / "other")
    with pytest.raises(BundleError, match="not a plain file"):
        TrainingImages.load(tmp_path)
