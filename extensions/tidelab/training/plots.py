"""Figures of a training as PNG bytes: drawn with the object interface, so no display and no global state is needed."""

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from tidelab.training.comparing import Comparison
from tidelab.training.evaluation import Evaluation
from tidelab.training.progress import Epoch

TRAINING, VALIDATION = "#9aa7ae", "#13738c"
_CAREFUL: Final = "#b26a00"


def curves(history: Sequence[Epoch]) -> bytes:
    """Draw loss and accuracy on training and validation images over the epochs."""
    figure, (left, right) = new_figure(9.0, 3.2, 2)
    number = [epoch.number for epoch in history]
    for axes, name, title in (
        (left, "loss", "loss (lower is better)"),
        (right, "accuracy", "share named rightly"),
    ):
        seen = [getattr(epoch, name) for epoch in history]
        if not any(value is None for value in seen):
            axes.plot(number, seen, color=TRAINING, linestyle="--", label="training images (varied)")
        held = [getattr(epoch, f"validation_{name}") for epoch in history]
        if held and held[-1] is not None:
            axes.plot(number, held, color=VALIDATION, label="validation images")
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("epoch", fontsize=9)
        axes.set_xlim(1, max(history[-1].total, 2) if history else 2)
    left.set_ylim(bottom=0)
    right.set_ylim(0, 1.02)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False, fontsize=9
    )
    return png(figure)


def confusion(evaluation: Evaluation) -> bytes:
    """Draw the confusion matrix: a row per true class, each cell the number of images, the shade its share of the row."""
    matrix, labels = evaluation.matrix, [plain(label) for label in evaluation.labels]
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 1.8 + 0.52 * len(labels)
    figure, (axes,) = new_figure(side + 1.6, side, 1)
    axes.imshow(shares, cmap="GnBu", vmin=0, vmax=1)
    if len(labels) <= 30:
        for row in range(len(labels)):
            for column in range(len(labels)):
                if matrix[row, column]:
                    colour = "white" if shares[row, column] > 0.6 else "#17242d"
                    axes.text(
                        column,
                        row,
                        str(matrix[row, column]),
                        ha="center",
                        va="center",
                        color=colour,
                        fontsize=9,
                    )
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", fontsize=9)
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_xlabel("named by the model")
    axes.set_ylabel("true class")
    axes.spines[:].set_visible(False)
    return png(figure)


def reliability(evaluation: Evaluation) -> bytes:
    """Draw how often the model was right against how sure it was; the diagonal is perfect honesty, the bars count images."""
    found = evaluation.reliability
    figure, (axes, below) = new_figure(5.6, 5.2, 2, stacked=True)
    used = found.counts > 0
    axes.plot([0, 1], [0, 1], color=TRAINING, linestyle="--", linewidth=1)
    axes.plot(found.confidence[used], found.accuracy[used], "o-", color=VALIDATION)
    axes.set_xlim(0, 1), axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("share that was right")
    axes.annotate("too sure of itself", (0.97, 0.06), ha="right", fontsize=8, color=_CAREFUL)
    axes.annotate("too cautious", (0.03, 0.92), fontsize=8, color=_CAREFUL)
    middle = (found.edges[:-1] + found.edges[1:]) / 2
    below.bar(middle, found.counts, width=0.9 / len(middle), color=TRAINING)
    below.set_xlim(0, 1)
    below.set_xlabel("score of the named class")
    below.set_ylabel("images")
    below.yaxis.get_major_locator().set_params(integer=True)
    return png(figure)


def comparison(found: Comparison) -> bytes:
    """Draw the F1 of each class for two models, and the difference of macro F1 with its interval."""
    labels = list(found.challenger.images.labels)
    figure, (left, right) = new_figure(9.0, 1.3 + 0.34 * len(labels), 2, ratios=(3, 2))
    places = np.arange(len(labels))
    for evaluation, marker, colour in ((found.champion, "s", TRAINING), (found.challenger, "D", VALIDATION)):
        left.plot(
            evaluation.scores.f1[: len(labels)],
            places,
            marker,
            color=colour,
            markersize=7,
            label=plain(evaluation.name),
        )
    return comparison_png(figure, left, right, labels, "F1 on the test images", "macro F1", found.difference)


def comparison_png(
    figure: Any, left: Any, right: Any, labels: Sequence[str], of_each: str, of_all: str, difference: Any
) -> bytes:
    """Finish and return a figure of two models: a mark per class on the left, the difference with its interval on the right.

    Parameters
    ----------
    figure, left, right
        The figure; on its left axes the marks are drawn already, one row a class.
    labels
        Classes, in the order of the rows.
    of_each, of_all
        What the marks measure, and what the difference is of.
    difference
        With ``value``, ``low`` and ``high``.
    """
    left.set_yticks(range(len(labels)), [plain(label) for label in labels], fontsize=9)
    left.set_ylim(len(labels) - 0.5, -0.5)
    left.set_xlim(-0.02, 1.02)
    left.set_xlabel(of_each)
    left.grid(axis="y", color="#e3e9ec")
    right.axvline(0, color="#4d5d68", linewidth=0.9, linestyle=(0, (4, 3)))
    right.plot([difference.low, difference.high], [0, 0], color=VALIDATION, linewidth=2.5)
    right.plot([difference.value], [0], "D", color=VALIDATION, markersize=9)
    reach = max(abs(difference.low), abs(difference.high), 0.05) * 1.25
    right.set_xlim(-reach, reach)
    right.set_yticks([])
    right.set_xlabel(f"{of_all}: difference with 95 % interval")
    right.spines["left"].set_visible(False)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False, fontsize=9
    )
    return png(figure)


def new_figure(
    width: float, height: float, panels: int, *, stacked: bool = False, ratios: tuple[int, ...] | None = None
) -> tuple[Any, list[Any]]:
    """Return a figure of so many panels, inches wide and high, and its axes, in the manner of all figures here."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    if stacked:
        axes = figure.subplots(panels, 1, sharex=True, height_ratios=(3, 1))
    else:
        axes = figure.subplots(1, panels, width_ratios=ratios)
    found = list(np.atleast_1d(axes).ravel())
    for one in found:
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=9)
    return figure, found


def plain(text: str) -> str:
    """Return a name as it is: a dollar sign would start a formula, a long name would push the figure aside."""
    short = text if len(text) <= 32 else text[:31] + "…"
    return short.replace("$", r"\$")


def png(figure: Any) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
