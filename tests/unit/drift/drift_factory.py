"""Images as a model sees them, made from a seed: clusters for classes, plain numbers for looks."""

from dataclasses import dataclass

import numpy as np

from tidelab.drift import Reference

CLASSES = ("Chaetoceros", "Noctiluca", "Pleurosigma")
JPEG = b"\xff\xd8\xff\xe0picture"
_CENTRES = np.random.default_rng(1).normal(0, 4, (len(CLASSES), 16))
_LOOKS = {"width_px": (90, 15), "height_px": (70, 12), "brightness": (180, 12), "sharpness": (0.8, 0.1)}


@dataclass
class Batch:
    """What a run hands to `assess`."""

    embeddings: np.ndarray
    statistics: list[dict[str, float]]
    labels: list[str]

    @property
    def arguments(self):
        return self.embeddings, self.statistics, self.labels


_EFFECT = 0.25
"""Standard deviation of the effect of a sample, in those of an image within its class: images of one bottle are alike."""


def batch(n=100, seed=0, *, moved=0.0, strangers=0.0, shares=None, looks=None):
    """Make `n` images of one sample; `moved` shifts all embeddings, `strangers` is the share far away, `looks` shifts statistics."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(len(CLASSES), size=n, p=shares)
    embeddings = _CENTRES[classes] + rng.normal(size=(n, 16)) + moved
    embeddings += np.random.default_rng([seed, 1]).normal(0, _EFFECT, 16)
    far = rng.random(n) < strangers
    embeddings[far] += 40
    shift = looks or {}
    statistics = [
        {
            name: float(rng.normal(mean + shift.get(name, 0), spread))
            for name, (mean, spread) in _LOOKS.items()
        }
        for _ in range(n)
    ]
    return Batch(embeddings.astype(np.float32), statistics, [CLASSES[i] for i in classes])


def joined(batches):
    """Put images of several samples together."""
    return Batch(
        np.concatenate([one.embeddings for one in batches]),
        [row for one in batches for row in one.statistics],
        [label for one in batches for label in one.labels],
    )


def reference(n=450, seed=99, *, samples=15, named=True, **changes):
    """Make a reference of `n` images of `samples` samples; without their names when not `named`."""
    sizes = [len(part) for part in np.array_split(np.arange(n), samples)]
    made = joined([batch(size, seed * 1000 + i, **changes) for i, size in enumerate(sizes)])
    names = [f"known-{i:02d}" for i, size in enumerate(sizes) for _ in range(size)]
    return Reference.build(*made.arguments, names if named else None, thumbnails=[JPEG] * n)
