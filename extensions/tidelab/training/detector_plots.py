"""Figures of a detector's training as PNG bytes: curves, precision against recall, comparison, pictures with boxes."""

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tidelab.domain.prediction import Detections
from tidelab.science.detection_metrics import TrueObjects
from tidelab.training.detector_comparing import DetectorComparison
from tidelab.training.detector_evaluation import LEAST_OBJECTS, DetectorEvaluation
from tidelab.training.plots import TRAINING, VALIDATION, comparison_png, new_figure, plain, png
from tidelab.training.progress import DetectorEpoch

TRUE_COLOUR: Final = (255, 176, 32)
FOUND_COLOUR: Final = (38, 208, 206)
_COLOURS: Final = ("#13738c", "#b26a00", "#5b7f3a", "#7d4f9e", "#b23a48", "#4d5d68", "#2a9d8f", "#8d6e63")
_LONGEST_PX: Final = 480


def curves(history: Sequence[DetectorEpoch]) -> bytes:
    """Draw the losses on training and validation pictures, and average precision on the validation pictures, over the epochs."""
    figure, (left, right) = new_figure(9.0, 3.2, 2)
    number = [epoch.number for epoch in history]
    left.plot(
        number,
        [epoch.loss for epoch in history],
        color=TRAINING,
        linestyle="--",
        label="training pictures (varied)",
    )
    held = [epoch.validation_loss for epoch in history]
    if held and all(value is not None for value in held):
        left.plot(number, held, color=VALIDATION, label="validation pictures")
    left.set_title("loss (lower is better)", fontsize=10, loc="left")
    left.set_ylim(bottom=0)
    for name, label, style in (
        ("map50", "mAP50", "-"),
        ("map50_95", "mAP50-95", ":"),
        ("accuracy", "accuracy", "-"),
    ):
        values = [epoch.measures.get(name) for epoch in history]
        if values and all(value is not None for value in values):
            right.plot(number, values, style, color=VALIDATION, label=label)
    right.set_title("on the validation pictures", fontsize=10, loc="left")
    right.set_ylim(0, 1.02)
    for axes in (left, right):
        axes.set_xlabel("epoch", fontsize=9)
        axes.set_xlim(1, max(history[-1].total, 2) if history else 2)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    return png(figure)


def precision_recall(evaluation: DetectorEvaluation) -> bytes:
    """Draw precision against recall of each class at IoU 0.5, with a mark at its threshold; classes with few objects are left out."""
    figure, (axes,) = new_figure(6.4, 4.4, 1)
    drawn = 0
    for k, label in enumerate(evaluation.labels):
        curve = evaluation.curve(k) if evaluation.precision.truth[k] >= LEAST_OBJECTS else None
        if curve is None:
            continue
        colour = _COLOURS[drawn % len(_COLOURS)]
        drawn += 1
        ap50 = evaluation.precision.of_class(k)[0]
        axes.plot(curve.recall, curve.precision, color=colour, label=f"{plain(label)} (AP50 {ap50:.2f})")
        counted = np.flatnonzero(curve.thresholds >= evaluation.thresholds[k])
        if len(counted):
            axes.plot(
                curve.recall[counted[-1]], curve.precision[counted[-1]], "o", color=colour, markersize=6
            )
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall: share of the objects that are found")
    axes.set_ylabel("precision: share of what is found that is there")
    if drawn:
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=8
        )
    else:
        axes.annotate(
            f"no class has {LEAST_OBJECTS} objects in these pictures", (0.5, 0.5), ha="center", fontsize=9
        )
    return png(figure)


def comparison(found: DetectorComparison) -> bytes:
    """Draw the AP50-95 of each class for two models, and the difference of the mean with its interval."""
    figure, (left, right) = new_figure(9.0, 1.5 + 0.34 * len(found.labels), 2, ratios=(3, 2))
    places = np.arange(len(found.labels))
    for row, one, marker, colour in (
        (1, found.champion, "s", TRAINING),
        (0, found.challenger, "D", VALIDATION),
    ):
        left.plot(found.values[row], places, marker, color=colour, markersize=7, label=plain(one.name))
    of_each = "AP50-95 on the test pictures"
    return comparison_png(figure, left, right, found.labels, of_each, "mAP50-95", found.difference)


def boxes_drawn(
    pixels: npt.NDArray[np.uint8],
    truth: TrueObjects,
    found: Detections,
    labels: Sequence[str],
    thresholds: Sequence[float],
) -> bytes:
    """Draw what is there (thick, amber) and what was found at or above the thresholds (thin, cyan, with its score); JPEG bytes.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)`` RGB; the drawing is at most 480 px long.
    truth, found
        Of this picture.
    labels, thresholds
        Class names, and the score from which each counts.
    """
    picture = Image.fromarray(pixels)
    scale = min(1.0, _LONGEST_PX / max(picture.size))
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    small = picture.resize((size[0], size[1]), Image.Resampling.BILINEAR) if scale < 1 else picture
    draw, font = ImageDraw.Draw(small), ImageFont.load_default(11)
    for box in truth.boxes:
        draw.rectangle([float(value) * scale for value in box], outline=TRUE_COLOUR, width=3)
    for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True):
        if float(score) < thresholds[int(label)]:
            continue
        corners = [float(value) * scale for value in box]
        draw.rectangle(corners, outline=FOUND_COLOUR, width=1)
        words = f"{labels[int(label)][:24]} {float(score):.2f}"
        place = (corners[0] + 2, max(0.0, corners[1] - 13))
        draw.rectangle(draw.textbbox(place, words, font=font), fill=(16, 36, 45))
        draw.text(place, words, fill=FOUND_COLOUR, font=font)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
