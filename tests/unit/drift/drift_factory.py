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


def batch(n=100, seed=0, *, moved=0.0, strangers=0.0, shares=None, looks=None):
    """Make `n` images; `moved` shifts all embeddings, `strangers` is the share far away, `looks` shifts statistics."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(len(CLASSES), size=n, p=shares)
    embeddings = _CENTRES[classes] + rng.normal(size=(n, 16)) + moved
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


def reference(n=150, seed=99, **changes):
    made = batch(n, seed, **changes)
    return Reference.build(*made.arguments, thumbnails=[JPEG] * n)
