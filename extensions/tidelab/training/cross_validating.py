"""Train and test fold by fold (`tidelab.training.cross_validation` holds what comes out)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from tidelab.models.classifier import Feed, inputs_of
from tidelab.science.metrics import macro_f1
from tidelab.science.splits import repeated_folds
from tidelab.training import forest, keras_network
from tidelab.training.cross_validation import FOLDS, REPEATS, CrossValidation, Fold, Rows
from tidelab.training.datasets import LabelledImages
from tidelab.training.progress import ignore
from tidelab.training.settings import Kind, TrainingSettings, input_spec
from tidelab.training.train import squares_of
from tidelab.training.trained import rows as rows_of

_VALIDATION_FOLDS: Final = 8
"""A network's epoch is chosen on an eighth of the training part of each fold."""

OnFold = Callable[[Fold, int], None]
"""Gets each finished fold and the number of trainings in all."""


def cross_validate(
    kinds: Sequence[Kind],
    images: LabelledImages,
    groups: Rows,
    settings: TrainingSettings,
    *,
    folds: int = FOLDS,
    repeats: int = REPEATS,
    on_fold: OnFold = lambda fold, total: None,
    done: Sequence[Fold] = (),
) -> CrossValidation:
    """Train and test `folds` x `repeats` times with each kind.

    Parameters
    ----------
    kinds
        Kinds of models, trained from scratch.
    images, groups
        Labelled images, and a number for each that keeps together what must not be torn apart (`Split.groups`).
    settings
        As for the model that is kept; the seed changes with the fold.
    folds, repeats, on_fold
        How often, and who is told.
    done
        Folds of an interrupted run of the same, which are not trained again.

    Raises
    ------
    ValueError
        With fewer groups than folds.
    """
    if (n_groups := len(np.unique(groups))) < folds:
        raise ValueError(
            f"cross-validation with {folds} folds needs as many samples (or other groups) of images, there are {n_groups}"
        )
    pairs = repeated_folds(images.truth, groups, folds=folds, repeats=repeats, seed=settings.seed)
    results = list(done)
    there = {(one.kind, one.number) for one in done}
    for kind in kinds:
        feed = inputs_of(images.pixels, input_spec(kind, settings))
        for number, (train, test) in enumerate(pairs):
            if (kind, number) in there:
                continue
            began = time.monotonic()
            predicted = _predicted(kind, images, groups, feed, train, test, settings, number)
            value = macro_f1(images.truth[test], predicted, len(images.labels))
            results.append(Fold(kind, number, test, predicted, value, time.monotonic() - began))
            on_fold(results[-1], len(kinds) * len(pairs))
    return CrossValidation(images, tuple(results), folds, repeats)


def _predicted(
    kind: Kind,
    images: LabelledImages,
    groups: Rows,
    feed: Feed,
    train: Rows,
    test: Rows,
    settings: TrainingSettings,
    number: int,
) -> Rows:
    chosen = replace(settings, seed=settings.seed + number)
    n_labels = len(images.labels)
    if kind == "forest":
        model = forest.train(feed["features"][train], images.truth[train], chosen)
        voted: Rows = forest.probabilities(model, feed["features"][test], n_labels).argmax(axis=1)
        return voted
    learn, stop = train, train[:0]
    if len(np.unique(groups[train])) >= _VALIDATION_FOLDS:
        inner = repeated_folds(
            images.truth[train], groups[train], folds=_VALIDATION_FOLDS, repeats=1, seed=number
        )[0]
        learn, stop = train[inner[0]], train[inner[1]]
    spec = input_spec(kind, settings)
    squares = squares_of([images.pixels[k] for k in learn], spec)
    features = feed["features"][learn] if "features" in feed else None
    held = rows_of(feed, stop), images.truth[stop]
    model, _ = keras_network.train(
        squares, features, images.truth[learn], n_labels, held, (spec.mean, spec.scale), chosen, ignore
    )
    named: Rows = np.asarray(model.predict(rows_of(feed, test), verbose=0)).argmax(axis=1)
    return named
