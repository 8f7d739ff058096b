"""The simulation of `drift_calibration.py` with pictures: drawn stations through the committed demonstration model.

What a station changes is what `tidelab.training.synthetic` changes: background, focus and noise. The model was not trained on these
stations. Pictures are drawn once; each world takes 24 stations at random as its reference and judges others.
"""

from collections import defaultdict
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from tidelab.catalogue import load_catalogue
from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Prediction
from tidelab.drift import DriftSettings, Reference, assess
from tidelab.models import ModelBundle, load_predictor
from tidelab.training.make_template import make_shape
from tidelab.training.synthetic import LABELS, make_image

SETTINGS = DriftSettings(permutations=99, maximum_images=100)
STATIONS, IMAGES, KNOWN = 48, 30, 24
LARGE, LARGE_STATIONS = 300, 8
_SEED = 700


def smear(pixels: Any) -> Any:
    """Return the picture as seen through a smear on the lens: a veil that takes 15 % of the contrast and 12 grey levels, and blur."""
    image = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.8))
    veiled = (np.asarray(image, dtype=float) - 165) * 0.85 + 165 - 12
    return np.clip(np.rint(veiled), 0, 255).astype(np.uint8)


def pictures(station: int, n: int, *, label: str | None = None, dirt: bool = False) -> list[Any]:
    """Draw `n` pictures of one station; 90 % of them of one class when `label` is given."""
    found = []
    for index in range(n):
        chosen = label if label and index % 10 else None
        # Seeds give stations their number by their last two digits, and with it their light and focus.
        pixels = make_image(index, _SEED + station, stations=1, label=chosen).pixels
        found.append(smear(pixels) if dirt else pixels)
    return found


def strangers(n: int) -> list[Any]:
    """Draw `n` pictures of something that the model never saw."""
    return [np.repeat(np.asarray(make_shape(3 * i + 2, 77)[0])[:, :, None], 3, axis=2) for i in range(n)]


class Seen:
    """Pictures as the demonstration model sees them."""

    def __init__(self) -> None:
        use_case = load_catalogue()["flowcam-plankton"]
        bundle = ModelBundle.load(use_case.demo_folder)
        self.labels = bundle.card.labels
        self._predictor = load_predictor(bundle, use_case.task.predictor, threads=1)

    def __call__(self, pixels: list[Any]) -> list[Prediction]:
        """Predict."""
        return self._predictor.predict([DecodedImage(str(i), str(i), one) for i, one in enumerate(pixels)])

    def judge(self, predictions: list[Prediction], reference: Reference) -> str:
        """Return the state of the verdict."""
        return assess(
            np.stack([one.embedding for one in predictions]),
            [one.statistics for one in predictions],
            [self.labels[int(one.probabilities.argmax())] for one in predictions],
            reference,
            SETTINGS,
        ).state


def simulate_pictures(worlds: int) -> list[dict[str, Any]]:
    """Judge new stations in many choices of known ones; returns the rows of `drift_calibration.simulate`."""
    seen = Seen()
    normal = [seen(pictures(i, IMAGES)) for i in range(STATIONS)]
    dirty = {i: seen(pictures(i, IMAGES, dirt=True)) for i in range(0, STATIONS, 2)}
    blooms = {i: seen(pictures(i, IMAGES, label=LABELS[i // 2 % len(LABELS)])) for i in range(0, STATIONS, 2)}
    large = [seen(pictures(50 + i, LARGE)) for i in range(LARGE_STATIONS)]
    large_dirty = [seen(pictures(50 + i, LARGE, dirt=True)) for i in range(LARGE_STATIONS)]
    strange = seen(strangers(LARGE // 10))
    states = defaultdict(list)
    for world in range(worlds):
        rng = np.random.default_rng(world)
        order = rng.permutation(STATIONS)
        known, new = order[:KNOWN].tolist(), order[KNOWN:].tolist()
        reference = Reference.from_predictions(
            [one for i in known for one in normal[i]],
            list(seen.labels),
            [str(i) for i in known for _ in normal[i]],
        )
        mixed = [strange[i] for i in rng.permutation(len(strange))[: IMAGES // 10]]
        even = [i for i in new if i % 2 == 0]
        pick = int(rng.integers(LARGE_STATIONS))
        for case, n, images in (
            ("normal", IMAGES, normal[new[0]]),
            ("normal", IMAGES, normal[new[1]]),
            ("unseen class, 10 %", IMAGES, normal[new[2]][: -len(mixed)] + mixed),
            ("lens dirt", IMAGES, dirty[even[0]]),
            ("bloom of one class", IMAGES, blooms[even[-1]]),
            ("normal", LARGE, large[pick]),
            ("unseen class, 10 %", LARGE, large[pick][: -len(strange)] + strange),
            ("lens dirt", LARGE, large_dirty[pick]),
        ):
            states[case, n].append(seen.judge(images, reference))
    return [
        {
            "between": float("nan"), "directions": 0, "known": f"{KNOWN} x {IMAGES}", "case": case, "n": n, "judged": len(found),
            "alarm": np.mean([one in ("amber", "red") for one in found]), "red": np.mean([one == "red" for one in found]),
            "grey": np.mean([one == "grey" for one in found]),
        }
        for (case, n), found in states.items()
    ]  # fmt: skip
