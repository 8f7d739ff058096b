"""How good a model is: by image, by class, by sample, and by cross-validation."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from markupsafe import Markup

from tidelab.models.thumbnail import thumbnail
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section, table
from tidelab.reports.views._retraining_parts import figure, figure_or_na, strip, two
from tidelab.training import plots
from tidelab.training.cross_validation import CrossValidation
from tidelab.training.evaluation import LEAST_IMAGES, SMALL_TEST, Evaluation
from tidelab.training.settings import TITLES


def quality(*evaluations: Evaluation, shares: Mapping[str, float] | None = None) -> Displayable:
    """Return precision, recall and F1 per class, and the overall figures of one or several models, by image and by sample.

    Parameters
    ----------
    evaluations
        Of the same test images.
    shares
        Class shares of an analysed sample (`steps.shares_of`): the precision at these shares stands beside that among the test images.
    """
    rows, lines = [], []
    for one in evaluations:
        n, scores, interval = len(one.truth), one.scores, one.macro_f1()
        rows.append(
            (
                one.name, figure_or_na(interval.value, n), figure_or_na(interval.low, n) + " to " + figure_or_na(interval.high, n)
                if n >= LEAST_IMAGES else "n/a", figure_or_na(scores.weighted_f1, n), figure_or_na(scores.accuracy, n),
                figure_or_na(one.reliability.expected_calibration_error, n), figure_or_na(one.brier_score, n),
                figure_or_na(one.negative_log_likelihood, n),
            )
        )  # fmt: skip
        lines.append(
            f"{one.name}: macro F1 {interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f}), accuracy {scores.accuracy:.2f}"
            if n >= LEAST_IMAGES
            else f"{one.name}: n/a ({numbers.plural(n, 'image')})"
        )
    headers = [
        "Model", "Macro F1", "95 % interval", "Weighted F1", "Accuracy", "Calibration error", "Brier score", "−log likelihood",
    ]  # fmt: skip
    body = table(headers, rows, numeric=range(1, 8), caption="By image")
    body += _by_sample(evaluations, lines)
    for one in evaluations:
        body += _per_class(one, shares or {}, lines)
    n = len(evaluations[0].truth)
    if n < SMALL_TEST:
        few = f"{n} test images are few: read these figures as rough, and the last digits as noise."
        body, lines = body + note(few, "warn"), [*lines, few]
    for words in _test_words(evaluations):
        body, lines = body + note(words), [*lines, words]
    return section(body, "\n".join(lines), "tl-retrain-quality")


def _by_sample(evaluations: Sequence[Evaluation], lines: list[str]) -> Markup:
    rows = []
    for one in evaluations:
        found = one.by_sample
        n, accuracy, count_error = one.sample_means()
        if found is None:
            continue
        if not n:
            rows.append((one.name, f"n/a (no sample has {LEAST_IMAGES} test images)", "n/a", "n/a", "n/a"))
            continue
        enough = found.n_images >= LEAST_IMAGES
        worst = int(np.argmin(np.where(enough, found.accuracy, 2.0)))
        rows.append(
            (one.name, f"{n} of {len(found)}", f"{accuracy:.2f}", f"{found.accuracy[worst]:.2f} ({found.samples[worst]})", f"{count_error:.2f}")
        )  # fmt: skip
        lines.append(
            f"{one.name}, by sample: mean accuracy {accuracy:.2f}, mean error of the counts {count_error:.2f} ({n} samples)"
        )
    if not rows:
        words = "By sample: not known, because the images do not say which water sample they come from."
        lines.append(words)
        return note(words)
    return table(
        ["Model", f"Samples with {LEAST_IMAGES} images", "Mean accuracy", "Worst sample", "Error of the counts"], rows, numeric=(2, 4),
        caption="By water sample (error of the counts: Bray-Curtis distance to the true counts, 0 is right, 1 is all wrong)",
    )  # fmt: skip


def _per_class(one: Evaluation, shares: Mapping[str, float], lines: list[str]) -> Markup:
    scores = one.scores
    at_shares, left_out = one.precision_at(shares) if shares else (np.full(len(one.labels), np.nan), 0.0)
    cells = []
    for k, label in enumerate(one.labels):
        n = int(scores.support[k])
        cells.append(
            (
                label, figure_or_na(scores.precision[k], n), *([two(at_shares[k])] if shares else []),
                figure_or_na(scores.recall[k], n), figure_or_na(scores.f1[k], n), numbers.count(n),
            )
        )  # fmt: skip
        if 0 < n < LEAST_IMAGES:
            lines.append(f"{one.name}, {label}: n/a ({numbers.plural(n, 'image')})")
    headers = [
        "Class", "Precision", *(["Precision at the sample's shares"] if shares else []), "Recall", "F1", "Test images",
    ]  # fmt: skip
    body = table(headers, cells, numeric=range(1, len(headers)), caption=one.name)
    if shares:
        words = "Precision at the sample's shares: what part of the images given this name deserves it where the classes are as common as in the analysed sample."
        if left_out > 0.005:
            words += f" {numbers.share(left_out, 1)} of that sample have classes without {LEAST_IMAGES} test images and are left out."
        body += note(words)
    return body


def _test_words(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return what was left out of the test, and which look at it this is."""
    found = [
        f"{one.name}: {numbers.plural(one.left_out, 'test image')} left out, because the model it started from had learned from them."
        for one in evaluations
        if one.left_out
    ]
    looks = list(dict.fromkeys(one.look.words for one in evaluations if one.look is not None))
    return [*found, *looks]


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
                strip([(thumbnail(evaluation.images.pixels[k]), evaluation.images.names[k]) for k in chosen]),
            )
        )
    text = "; ".join(lines) or "No test image was named wrongly."
    body = figure(plots.confusion(evaluation), f"Confusion matrix of {evaluation.name}. {text}")
    body += table(["Most frequent confusions", "Images"], rows) if rows else note(text)
    return section(body, text, "tl-retrain-confusion")


def reliability(evaluation: Evaluation) -> Displayable:
    """Return the reliability diagram with calibration error, Brier score and negative log-likelihood."""
    if len(evaluation.truth) < LEAST_IMAGES:
        words = f"n/a ({numbers.plural(len(evaluation.truth), 'image')}): too few to say whether the scores are honest."
        return section(note(words), words)
    error = evaluation.reliability.expected_calibration_error
    words = (
        f"On average the score and the share that was right differ by {error:.2f} (expected calibration error, 10 bins). Brier score "
        f"{evaluation.brier_score:.2f}, negative log-likelihood {evaluation.negative_log_likelihood:.2f}: lower is better, and unlike the "
        "calibration error they cannot be made small by saying the same of every image."
    )
    return section(
        figure(plots.reliability(evaluation), f"Reliability diagram. {words}")
        + Markup("<p>{}</p>").format(words),
        words,
    )


def cross_validation(found: CrossValidation | None, why: str) -> Displayable:
    """Return what repeated cross-validation says, or why it was not done."""
    if found is None:
        words = f"Not cross-validated. {why}"
        return section(note(words), words)
    rows, lines = [], [f"Cross-validated, {found.folds} folds {found.repeats} times over. {why}"]
    for kind in found.kinds:
        one = found.macro_f1(kind)
        rows.append((TITLES[kind], f"{one.value:.2f}", f"{one.low:.2f} to {one.high:.2f}"))
        lines.append(f"{TITLES[kind]}: macro F1 {one.value:.2f} ({one.low:.2f} to {one.high:.2f})")
    for first, second in combinations(found.kinds, 2):
        difference = found.difference(first, second)
        name = f"{TITLES[first]} minus {TITLES[second]}"
        rows.append((name, f"{difference.value:+.2f}", f"{difference.low:+.2f} to {difference.high:+.2f}"))
        lines.append(f"{name}: {difference.value:+.2f} ({difference.low:+.2f} to {difference.high:+.2f})")
    body = Markup("<p>{}</p>").format(lines[0])
    body += table(["", "Macro F1, mean of the trainings", "95 % interval"], rows, numeric=(1, 2))
    recalls = [found.per_class(kind) for kind in found.kinds]
    cells = [
        (
            label,
            *(figure_or_na(recall[k], int(support[k])) for recall, support in recalls),
            numbers.count(int(recalls[0][1][k])),
        )
        for k, label in enumerate(found.images.labels)
    ]
    headers = ["Class", *(f"Recall, {TITLES[kind]}" for kind in found.kinds), "Images"]
    body += table(headers, cells, numeric=range(1, len(headers)))
    words = "These figures describe the way of training; the interval is corrected for the images that the trainings share (Nadeau and Bengio, 2003)."
    return section(body + note(words), "\n".join([*lines, words]), "tl-retrain-cross-validation")
