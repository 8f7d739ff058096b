"""What a detector's ``retrain.ipynb`` shows: pictures with boxes, split, curves, thresholds, quality, examples, comparison.

Class and file names come from outside; the display layer escapes them.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from markupsafe import Markup

from tidelab.domain.decision import Decision
from tidelab.domain.prediction import Detections
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section, table
from tidelab.reports.views._retraining_comparison import STATES
from tidelab.reports.views._retraining_parts import figure, two
from tidelab.reports.views.retraining import promotion, saved
from tidelab.science.detection_metrics import Threshold
from tidelab.training import detector_plots
from tidelab.training.decoding import UnreadableError, read_file
from tidelab.training.detection_images import BoxedPicture, DetectionImages
from tidelab.training.detection_splitting import DetectionSplit
from tidelab.training.detector_comparing import DetectorComparison
from tidelab.training.detector_evaluation import LEAST_OBJECTS, DetectorEvaluation, true_objects
from tidelab.training.detector_training import TrainedDetector

__all__ = [
    "confusion",
    "decision",
    "examples",
    "images",
    "next_steps",
    "promotion",
    "quality",
    "saved",
    "split",
    "thresholds",
    "training",
]

_EXAMPLES: Final = 6
_SHOWN: Final = 12


def images(found: DetectionImages) -> Displayable:
    """Return pictures and objects per class, with examples, and what was left out."""
    truth = np.concatenate([one.truth for one in found.pictures] or [np.zeros(0, np.int64)])
    empty = sum(not len(one.truth) for one in found.pictures)
    samples = len({one.sample_id for one in found.pictures} - {""})
    words = (
        f"{numbers.plural(len(found), 'picture')} with {numbers.plural(len(truth), 'object')} of "
        f"{numbers.plural(len(found.labels), 'class', 'classes')}; {numbers.plural(empty, 'picture')} without any"
    )
    words += (
        f"; from {numbers.plural(samples, 'sample')}."
        if samples
        else "; which were taken together is not known."
    )
    rows = []
    for k, label in enumerate(found.labels):
        shows = sum(bool((one.truth == k).any()) for one in found.pictures)
        rows.append((label, numbers.count(int((truth == k).sum())), numbers.count(shows)))
    body = Markup("<p>{}</p>").format(words) + table(["Class", "Objects", "Pictures"], rows, numeric=(1, 2))
    nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int16))
    shown = [one for one in found.pictures if len(one.truth)][:_EXAMPLES]
    body += _row([(one, _drawn(one, nothing, found.labels, ())) for one in shown])
    if found.generated:
        body += note(
            "These are drawings made to try the notebook with. A model trained on them knows nothing of animals.",
            "warn",
        )
    for sentence in found.notes[:_SHOWN]:
        body += note(sentence, "warn")
    return section(body, "\n".join([words, *found.notes[:_SHOWN]]), "tl-retrain-images")


def split(found: DetectionSplit, pictures: DetectionImages) -> Displayable:
    """Return objects per class and part, and what limits the figures."""
    frame = pictures.counts(found.parts)
    parts = ("train", "validation", "test")
    rows = [
        (str(row["label"]), *(numbers.count(int(row[part])) for part in parts))
        for row in frame.to_dict("records")
    ]
    known = "Whole samples lie on one side." if found.by_sample else "Samples may lie on both sides."
    words = f"Split {found.how}. {known}"
    body = Markup("<p>{}</p>").format(words)
    body += table(["Objects of", "Training", "Validation", "Test"], rows, numeric=(1, 2, 3))
    for caution in found.cautions:
        body += note(caution, "warn")
    return section(body, "\n".join([words, *found.cautions]), "tl-retrain-split")


def training(model: TrainedDetector) -> Displayable:
    """Return how a training went: its curves, time, size, and how far the export is from the network."""
    facts = [
        (numbers.duration(model.seconds), "training time"),
        (numbers.count(model.parameters), "numbers that were learned"),
        (numbers.size(len(model.onnx)), "size of the model"),
    ]
    body = Markup('<ul class="tl-facts">{}</ul>').format(
        Markup("").join(Markup("<li><b>{}</b>{}</li>").format(value, words) for value, words in facts)
    )
    if model.history:
        body += figure(detector_plots.curves(model.history), "Loss and average precision over the epochs")
    lines = [one for one in (model.start_words, model.end_words, model.parity.words) if one]
    for sentence in lines:
        body += Markup("<p>{}</p>").format(sentence)
    return section(
        body,
        "\n".join(["; ".join(f"{name}: {value}" for value, name in facts), *lines]),
        "tl-retrain-training",
    )


def thresholds(model: TrainedDetector, found: Mapping[str, Threshold]) -> Displayable:
    """Return the threshold of each class, what it gives on the validation pictures, and why where it could not be chosen."""
    assert model.card.detection is not None
    rows = [
        (
            label,
            f"{one.value:.2f}",
            numbers.count(one.positives),
            two(one.precision),
            two(one.recall),
            two(one.f1),
            one.reason,
        )
        for label, one in found.items()
    ]
    words = f"Thresholds: {model.card.detection.thresholds_method}"
    body = Markup("<p>{}</p>").format(words) + table(
        ["Class", "Threshold", "Objects", "Precision", "Recall", "F1", ""], rows, numeric=(1, 2, 3, 4, 5)
    )
    lines = [f"{label}: {one.value:.2f}" for label, one in found.items()]
    return section(body, "\n".join([words, *lines]), "tl-retrain-thresholds")


def quality(*evaluations: DetectorEvaluation) -> Displayable:
    """Return mAP of each model, the figures of the first by class, and precision against recall."""
    first = evaluations[0]
    lines = [
        f"{one.name}: mAP50 {two(one.precision.map50)}, mAP50-95 {two(one.precision.map50_95)} on "
        f"{numbers.plural(len(one), 'picture')}"
        + (f" ({one.left_out} left out: it had learned from them)." if one.left_out else ".")
        for one in evaluations
    ]
    if first.look is not None:
        lines.append(first.look.words)
    body = Markup("").join(Markup("<p>{}</p>").format(line) for line in lines)
    rows = [
        (
            str(row["label"]),
            numbers.count(int(row["objects"])),
            *(
                two(float(row[name])) if row["objects"] >= LEAST_OBJECTS else "n/a"
                for name in ("ap50", "ap50_95", "precision", "recall", "f1")
            ),
        )
        for row in first.table().to_dict("records")
    ]
    body += table(
        ["Class", "Objects", "AP50", "AP50-95", "Precision", "Recall", "F1"], rows, numeric=(1, 2, 3, 4, 5, 6),
        caption=f"{first.name}; precision, recall and F1 at its thresholds; n/a: fewer than {LEAST_OBJECTS} objects",
    )  # fmt: skip
    body += figure(detector_plots.precision_recall(first), "Precision against recall of each class")
    return section(body, "\n".join(lines), "tl-retrain-quality")


def confusion(evaluation: DetectorEvaluation) -> Displayable:
    """Return which objects of the test pictures were found, taken for another class, missed, or found where nothing is."""
    frame = evaluation.confusion_table()
    rows = [[str(row[0]), *(numbers.count(int(value)) for value in row[1:])] for row in frame.to_numpy()]
    counted, n = evaluation.confusion, len(evaluation.labels)
    right, there = int(np.trace(counted)), int(counted[:n].sum())
    words = (
        f"Of {numbers.plural(there, 'object')} {numbers.count(right)} were found and named rightly, "
        f"{numbers.count(int(counted[:n, :n].sum()) - right)} were found and taken for another class, "
        f"{numbers.count(int(counted[:n, n].sum()))} were missed; {numbers.plural(int(counted[n].sum()), 'box', 'boxes')} were drawn where "
        "nothing was marked."
    )
    shown = table(
        ["What it is", *(f"found as {label}" for label in evaluation.labels), "missed"], rows, numeric=tuple(range(1, n + 2)),
        caption=f"{evaluation.name}; at its thresholds, boxes that overlap by half or more",
    )  # fmt: skip
    # One column a class: with many it is wider than the page.
    body = Markup('<p>{}</p><div style="overflow-x:auto">{}</div>').format(words, shown)
    return section(body, words, "tl-retrain-confusion")


def next_steps(sentences: Sequence[str]) -> Displayable:
    """Return what to do next (`tidelab.training.detector_advice.advice`)."""
    items = Markup("").join(Markup("<li>{}</li>").format(one) for one in sentences)
    return section(Markup("<ul>{}</ul>").format(items), "\n".join(sentences), "tl-retrain-next")


def examples(evaluation: DetectorEvaluation, count: int = _EXAMPLES) -> Displayable:
    """Return test pictures with what is there (amber) and what was found (cyan), those with most errors first."""
    errors = [evaluation.wrong(k) for k in range(len(evaluation))]
    order = sorted(range(len(evaluation)), key=lambda k: -errors[k])[:count]
    shown = []
    for k in order:
        one = evaluation.images.pictures[k]
        shown.append((one, _drawn(one, evaluation.found[k], evaluation.labels, evaluation.thresholds)))
    right = sum(not number for number in errors)
    words = (
        f"In {right} of {numbers.plural(len(evaluation), 'picture')} all objects were found, named rightly, and nothing else. Shown are those "
        "with most errors: amber is what people marked, cyan what the model found."
    )
    return section(Markup("<p>{}</p>").format(words) + _row(shown), words, "tl-retrain-examples")


def decision(found: Decision, compared: DetectorComparison | None = None) -> Displayable:
    """Return whether a model is recommended as champion, with the reasons, the comparison class by class, and what limits it."""
    verdict = (
        "Recommended as champion. A maintainer decides."
        if found.recommended
        else "Not recommended as champion. You may ask all the same; a maintainer decides and reads the reasons."
    )
    reasons = Markup("").join(Markup("<li>{}</li>").format(one) for one in found.reasons)
    body = Markup("<p><b>{}</b></p><ul>{}</ul>").format(verdict, reasons)
    if compared is not None:
        body += figure(detector_plots.comparison(compared), "Average precision of each class for both models")
    if found.groups:
        rows = [
            (
                one.name, *((two(one.measures[0].challenger), two(one.measures[0].champion), f"{one.measures[0].difference:+.2f}",
                f"{one.measures[0].low:+.2f} to {one.measures[0].high:+.2f}") if one.state != "not testable" else ("n/a",) * 4),
                numbers.count(one.n_images), "collapsed: no longer found" if one.collapsed else STATES[one.state],
            )
            for one in found.groups
        ]  # fmt: skip
        body += table(
            ["Class", "This model", "Champion", "Difference", "95 % interval", "Objects", ""], rows, numeric=(1, 2, 3, 4, 5),
            caption=f"AP50-95; accepted loss: {100 * found.margin:.0f} points",
        )  # fmt: skip
    limits = [*found.cautions, *([found.champion_words] if found.champion_words else [])]
    for words in limits:
        body += note(words, "warn")
    return section(body, "\n".join([verdict, *found.reasons, *limits]), "tl-retrain-decision")


def _drawn(one: BoxedPicture, found: Detections, labels: Sequence[str], limits: Sequence[float]) -> bytes:
    try:
        pixels = read_file(one.file.parent, one.file.name)[0]
    except UnreadableError:
        return b""  # the file went away since it was read
    return detector_plots.boxes_drawn(pixels, true_objects(one), found, labels, limits)


def _row(shown: Sequence[tuple[BoxedPicture, bytes]]) -> Markup:
    cells = [
        Markup(
            '<figure style="margin:0;flex:1 1 260px;max-width:480px">{}<figcaption>{}</figcaption></figure>'
        ).format(picture(data, one.name, "image/jpeg", "tl-plot"), one.name)
        for one, data in shown
        if data
    ]
    return Markup('<div style="display:flex;flex-wrap:wrap;gap:8px">{}</div>').format(Markup("").join(cells))
