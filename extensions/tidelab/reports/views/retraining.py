"""What ``retrain.ipynb`` shows: images, split, leaks, learning curves, quality, comparison, and where the model went.

Class and file names come from outside; the display layer escapes them.
"""

from typing import Any, Final

import numpy as np
from markupsafe import Markup

from tidelab.models import ModelBundle
from tidelab.models.thumbnail import thumbnail
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section, table
from tidelab.reports.views._retraining_comparison import comparison, decision
from tidelab.reports.views._retraining_parts import figure, strip
from tidelab.reports.views._retraining_quality import confusion, cross_validation, quality, reliability
from tidelab.training import plots
from tidelab.training.datasets import LabelledImages
from tidelab.training.splitting import Split
from tidelab.training.trained import TrainedModel

__all__ = [
    "comparison", "confusion", "cross_validation", "decision", "images", "leakage", "promotion", "quality", "reliability", "saved",
    "split", "training",
]  # fmt: skip

_EXAMPLES: Final = 8
_SHOWN: Final = 12


def images(found: LabelledImages) -> Displayable:
    """Return images per class with examples, and the files that were left out."""
    rows = []
    for index, (label, count) in enumerate(found.counts.items()):
        members = np.flatnonzero(found.truth == index)[:_EXAMPLES]
        examples = strip([(thumbnail(found.pixels[k]), f"{label}: {found.names[k]}") for k in members])
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
    known = "Whole water samples lie on one side." if found.by_sample else "Samples may lie on both sides."
    words = f"Split {found.how}. {known}"
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
            strip([(thumbnail(images.pixels[k]), images.names[k]) for k in (pair.first, pair.second)]),
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
        body += figure(plots.curves(model.history), "Loss and accuracy over the epochs")
    words = "; ".join(f"{name}: {value}" for value, name in facts)
    for sentence in (model.start_words, model.card.calibration):
        if sentence:
            body += Markup("<p>{}</p>").format(sentence)
            words += f"\n{sentence}"
    return section(body, words, "tl-retrain-training")


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
