"""What ``retrain.ipynb`` shows: images, split, leaks, learning curves, quality, comparison, and where the model went.

Class and file names come from outside; the display layer escapes them.
"""

import io
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from PIL import Image

from tidelab.models import ModelBundle, ResolvedModel
from tidelab.models.thumbnail import thumbnail
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section, table
from tidelab.training import plots
from tidelab.training.datasets import LabelledImages
from tidelab.training.evaluation import SMALL_TEST, Comparison, Evaluation
from tidelab.training.splitting import Split
from tidelab.training.trained import TrainedModel

_EXAMPLES: Final = 8
_SHOWN: Final = 12


def images(found: LabelledImages) -> Displayable:
    """Return images per class with examples, and the files that were left out."""
    rows = []
    for index, (label, count) in enumerate(found.counts.items()):
        members = np.flatnonzero(found.truth == index)[:_EXAMPLES]
        examples = _strip([(thumbnail(found.pixels[k]), f"{label}: {found.names[k]}") for k in members])
        rows.append((label, numbers.count(count), examples))
    words = (
        f"{numbers.plural(len(found), 'image')} of {numbers.plural(len(found.labels), 'class', 'classes')}"
    )
    samples = len(set(found.sample_ids) - {""})
    words += (
        f" from {numbers.plural(samples, 'water sample')}."
        if samples
        else "; their water samples are not known."
    )
    body = Markup("<p>{}</p>").format(words) + table(["Class", "Images", "Examples"], rows, numeric=(1,))
    if found.generated:
        body += note(
            "These are drawings made to try the notebook with. A model trained on them knows nothing of plankton.",
            "warn",
        )
    if found.rejected:
        left_out = [(one.image, one.reason) for one in found.rejected[:_SHOWN]]
        body += Markup("<h3>Files that were left out ({})</h3>").format(len(found.rejected)) + table(
            ["File", "Why"], left_out
        )
        words += f" {len(found.rejected)} file(s) left out."
    return section(body, words, "tl-retrain-images")


def split(found: Split, images: LabelledImages) -> Displayable:
    """Return images per class and part, and what limits the figures."""
    frame = found.table(images)
    parts = ("train", "validation", "test")
    rows = [
        (label, *(numbers.count(int(frame[part].iloc[k])) for part in parts))
        for k, label in enumerate(images.labels)
    ]
    rows.append(("all", *(numbers.count(int(frame[part].sum())) for part in parts)))
    words = f"Split {found.how}."
    body = Markup("<p>{}</p>").format(words) + table(
        ["Class", "Training", "Validation", "Test"], rows, numeric=(1, 2, 3)
    )
    for caution in found.cautions:
        body += note(caution, "warn")
    return section(body, "\n".join([words, *found.cautions]), "tl-retrain-split")


def leakage(found: Split, images: LabelledImages) -> Displayable:
    """Return near-duplicate images, first those that lie on both sides of the split."""
    if not found.pairs:
        words = "No two images are nearly the same."
        return section(note(words), words, "tl-retrain-leaks")
    words = f"{numbers.plural(len(found.pairs), 'pair')} of images nearly the same; {len(found.leaks)} on both sides of the split."
    ordered = [*found.leaks, *(pair for pair in found.pairs if pair not in found.leaks)][:_SHOWN]
    rows = [
        (
            _strip([(thumbnail(images.pixels[k]), images.names[k]) for k in (pair.first, pair.second)]),
            f"{images.names[pair.first]} ({found.parts[pair.first]})",
            f"{images.names[pair.second]} ({found.parts[pair.second]})",
            f"{pair.correlation:.3f}",
        )
        for pair in ordered
    ]
    kind = "warn" if found.leaks else "info"
    advice = (
        "Remove one of each pair or correct the split files: a test image whose twin was trained on measures memory, not skill."
        if found.leaks
        else "The split keeps such pairs together, so none of them flatters the test."
    )
    body = note(f"{words} {advice}", kind) + table(
        ["", "Image", "Its twin", "Correlation"], rows, numeric=(3,)
    )
    return section(body, f"{words} {advice}", "tl-retrain-leaks")


def training(model: TrainedModel) -> Displayable:
    """Return how a training went: its curves where it has any, time, size, calibration."""
    facts = [
        (numbers.duration(model.seconds), "training time"),
        (
            numbers.count(model.parameters),
            "nodes in its trees" if model.kind == "forest" else "numbers that were learned",
        ),
        (numbers.size(len(model.onnx)), "size of the model"),
        (f"{model.card.temperature:.2f}", "temperature"),
    ]
    body = Markup('<ul class="tl-facts">{}</ul>').format(
        Markup("").join(Markup("<li><b>{}</b>{}</li>").format(value, words) for value, words in facts)
    )
    if model.history:
        body += _figure(plots.curves(model.history), "Loss and accuracy over the epochs")
    words = "; ".join(f"{name}: {value}" for value, name in facts)
    return section(body, words, "tl-retrain-training")


def quality(*evaluations: Evaluation) -> Displayable:
    """Return precision, recall and F1 per class, and the overall figures of one or several models."""
    body, lines = Markup(""), []
    rows = []
    for one in evaluations:
        scores, interval = one.scores, one.macro_f1()
        rows.append(
            (
                one.name, f"{interval.value:.2f}", f"{interval.low:.2f} to {interval.high:.2f}", f"{scores.weighted_f1:.2f}",
                f"{scores.accuracy:.2f}", f"{one.reliability.expected_calibration_error:.2f}",
            )
        )  # fmt: skip
        lines.append(
            f"{one.name}: macro F1 {interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f}), accuracy {scores.accuracy:.2f}"
        )
    headers = ["Model", "Macro F1", "95 % interval", "Weighted F1", "Accuracy", "Calibration error"]
    body += table(headers, rows, numeric=(1, 2, 3, 4, 5))
    for one in evaluations:
        scores = one.scores
        cells = [
            (
                label,
                _two(scores.precision[k]),
                _two(scores.recall[k]),
                _two(scores.f1[k]),
                numbers.count(int(scores.support[k])),
            )
            for k, label in enumerate(one.labels)
        ]
        body += table(
            ["Class", "Precision", "Recall", "F1", "Test images"],
            cells,
            numeric=(1, 2, 3, 4),
            caption=one.name,
        )
    n = len(evaluations[0].truth)
    if n < SMALL_TEST:
        few = f"{n} test images are few: read these figures as rough, and the last digits as noise."
        body, lines = body + note(few, "warn"), [*lines, few]
    return section(body, "\n".join(lines), "tl-retrain-quality")


def confusion(evaluation: Evaluation) -> Displayable:
    """Return the confusion matrix and examples of the most frequent confusions."""
    matrix = evaluation.matrix.copy()
    np.fill_diagonal(matrix, 0)
    order = [
        divmod(int(k), len(matrix))
        for k in np.argsort(-matrix, axis=None, kind="stable")[:4]
        if matrix.flat[int(k)]
    ]
    lines, rows = [], []
    for true, named in order:
        chosen = np.flatnonzero((evaluation.truth == true) & (evaluation.predicted == named))[:6]
        words = f"{matrix[true, named]} × {evaluation.labels[true]} named {evaluation.labels[named]}"
        lines.append(words)
        rows.append(
            (
                words,
                _strip(
                    [(thumbnail(evaluation.images.pixels[k]), evaluation.images.names[k]) for k in chosen]
                ),
            )
        )
    text = "; ".join(lines) or "No test image was named wrongly."
    body = _figure(plots.confusion(evaluation), f"Confusion matrix of {evaluation.name}. {text}")
    body += table(["Most frequent confusions", "Images"], rows) if rows else note(text)
    return section(body, text, "tl-retrain-confusion")


def reliability(evaluation: Evaluation) -> Displayable:
    """Return the reliability diagram with the expected calibration error."""
    error = evaluation.reliability.expected_calibration_error
    words = f"On average the score and the share that was right differ by {error:.2f} (expected calibration error, 10 bins)."
    return section(
        _figure(plots.reliability(evaluation), f"Reliability diagram. {words}")
        + Markup("<p>{}</p>").format(words),
        words,
    )


def comparison(found: Comparison, champion: ResolvedModel | None = None) -> Displayable:
    """Return the paired comparison of two models in words and as a figure."""
    sentences = found.sentences
    body = Markup("<p><b>{}</b></p><p>{}</p>").format(*sentences[:2])
    body += _figure(plots.comparison(found), sentences[0])
    cautions = sentences[2:]
    if champion is not None:
        cautions.append(
            champion.words
            if champion.is_demo
            else "If the champion was trained on some of these images, it looks better here than it is on new ones."
        )
    for caution in cautions:
        body += note(caution, "warn")
    return section(body, "\n".join([*sentences[:2], *cautions]), "tl-retrain-comparison")


def saved(bundle: ModelBundle, run: Any, version: object | None) -> Displayable:
    """Return where the model lies, whether MLflow has it, and how to use it."""
    lines = [f"The model is saved in {bundle.folder}."]
    lines.append(f"Registered as {version}." if version is not None else "It is not registered.")
    body = Markup("<p>{}</p>").format(" ".join(lines))
    body += Markup("<p>Use it in <i>Analyse</i>: set <code>model</code> to <code>{}</code>.</p>").format(
        str(bundle.folder)
    )
    if run.url:
        body += Markup(
            '<p><a href="{}" target="_blank" rel="noopener">Open this training in MLflow</a></p>'
        ).format(run.url)
    if run.notice:
        body, lines = body + note(run.notice, "warn"), [*lines, run.notice]
    if bundle.card.demo:
        words = "It was trained on drawings and is marked as a demonstration model."
        body, lines = body + note(words, "warn"), [*lines, words]
    return section(body, "\n".join(lines), "tl-retrain-saved")


def promotion(request: dict[str, Any] | None, problem: str = "") -> Displayable:
    """Return what became of the wish to make the model the champion."""
    if request is not None:
        words = f"Promotion asked for (request {request.get('id', '')}, {request.get('status', '')}). A maintainer looks at it and confirms or declines."
        return section(note(words), words)
    words = (
        problem
        or "Not asked for. To ask for promotion, set promote to True and say why in note, then run the notebook again."
    )
    return section(note(words, "warn" if problem else "info"), words)


def _figure(png: bytes, alt: str) -> Markup:
    width = Image.open(io.BytesIO(png)).width / 110 * 96
    return Markup('<div style="max-width:{}px">{}</div>').format(
        round(width), picture(png, alt, "image/png", "tl-plot")
    )


def _strip(pictures: Iterable[tuple[bytes, str]]) -> Markup:
    """Return small pictures side by side."""
    small = Markup("").join(
        Markup('<span style="flex:0 0 64px">{}</span>').format(picture(data, alt)) for data, alt in pictures
    )
    return Markup('<span style="display:flex;flex-wrap:wrap;gap:4px">{}</span>').format(small)


def _two(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}"
