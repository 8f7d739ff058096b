"""A small network of the Xception family: trains on two CPU cores in about a minute.

Depthwise separable convolutions in residual blocks (Chollet, Xception, CVPR 2017), far narrower than the original because there are
hundreds of images, not millions. The momentum of batch normalisation is 0.8: with Keras' default of 0.99 its running means need
hundreds of steps, and after a short training the network is good on training images and useless on all others.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidelab.science.preprocessing import Pixels, normalise
from tidelab.training.augmentation import augment_batch
from tidelab.training.keras_setup import import_keras
from tidelab.training.progress import Epoch, OnEpoch
from tidelab.training.settings import TrainingSettings, epochs_for

Array = npt.NDArray[np.float32]

BATCHNORM_MOMENTUM: Final = 0.8
EMBEDDING: Final = "embedding"
WARM_START: Final = 0.3
ENOUGH_VALIDATION: Final = 30
"""With fewer validation images the last epoch is kept: choosing among epochs by a handful of images is choosing by luck."""


def small_xception(
    size_px: int,
    n_labels: int,
    width: int,
    feature_statistics: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None = None,
) -> Any:
    """Build the network.

    Parameters
    ----------
    size_px
        Side of the image input ``image``, float32 ``(n, size_px, size_px, 3)``.
    n_labels
        Number of classes.
    width
        Channels of the first block.
    feature_statistics
        Mean and variance of the features on the training images; with them the network takes a second input ``features``, float32
        ``(n, f)``, standardised inside the model.

    Returns
    -------
    keras.Model
        Output: probabilities ``(n, n_labels)``. The layer ``embedding`` holds what it decides on.
    """
    keras = import_keras()
    layers = keras.layers

    def normalised(x: Any) -> Any:
        return layers.BatchNormalization(momentum=BATCHNORM_MOMENTUM)(x)

    image = keras.Input((size_px, size_px, 3), name="image")
    x = layers.Conv2D(width // 2, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.Activation("relu")(normalised(x))
    for factor in (1, 2, 4):
        shortcut = normalised(layers.Conv2D(width * factor, 1, strides=2, padding="same", use_bias=False)(x))
        for _ in range(2):
            x = layers.Activation("relu")(x)
            x = normalised(layers.SeparableConv2D(width * factor, 3, padding="same", use_bias=False)(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.Add()([x, shortcut])
    x = layers.Activation("relu")(x)
    x = layers.GlobalAveragePooling2D(name="seen" if feature_statistics else EMBEDDING)(x)
    inputs = [image]
    if feature_statistics:
        mean, variance = feature_statistics
        measured = keras.Input((len(mean),), name="features")
        # A frozen batch normalisation standardises: its constants are variables, which the export keeps.
        standard = layers.BatchNormalization(
            center=False, scale=False, epsilon=1e-6, trainable=False, name="standardise"
        )
        y = standard(measured)
        standard.set_weights([mean, variance])
        y = layers.Activation("tanh")(
            layers.Rescaling(0.5)(y)
        )  # one odd outline must not outweigh everything else
        y = layers.Dense(32, activation="relu")(layers.Dropout(0.2)(y))
        x = layers.Concatenate(name=EMBEDDING)([x, y])
        inputs.append(measured)
    x = layers.Dropout(0.3)(x)
    return keras.Model(inputs, layers.Dense(n_labels, activation="softmax", dtype="float32")(x))


def sample_weights(truth: npt.NDArray[np.int64], n_labels: int) -> npt.NDArray[np.float32]:
    """Return weights with mean 1 that give every class the same total, at most 10 times the smallest."""
    counts = np.bincount(truth, minlength=n_labels)
    weights = 1 / np.maximum(counts, 1)[truth]
    weights = np.minimum(weights, 10 * weights.min())
    scaled: npt.NDArray[np.float32] = (weights / weights.mean()).astype(np.float32)
    return scaled


def epoch_order(
    truth: npt.NDArray[np.int64], balance: str, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the rows of one epoch, shuffled; with ``resample`` each class is drawn equally often, with replacement."""
    n = len(truth)
    if balance != "resample":
        return rng.permutation(n)
    counts = np.bincount(truth)
    chance = 1 / counts[truth]
    return rng.choice(n, size=n, p=chance / chance.sum())


def train(
    squares: Pixels,
    features: npt.NDArray[np.float32] | None,
    truth: npt.NDArray[np.int64],
    n_labels: int,
    validation: tuple[dict[str, npt.NDArray[np.float32]], npt.NDArray[np.int64]],
    normalisation: tuple[tuple[float, float, float], tuple[float, float, float]],
    settings: TrainingSettings,
    on_epoch: OnEpoch,
    prepare: Callable[[list[Array]], list[Array]] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Any, list[Epoch]]:
    """Train `small_xception`.

    Parameters
    ----------
    squares
        Training images, uint8 ``(n, size_px, size_px, 3)``; varied anew in every epoch.
    features
        Their features ``(n, f)``, or None.
    truth
        Class indices ``(n,)``.
    n_labels
        Number of classes.
    validation
        Prepared inputs and class indices of the validation images; may be empty.
    normalisation
        Mean and scale per RGB channel.
    settings
        See `TrainingSettings`.
    on_epoch
        Called after each epoch.
    prepare
        Gets the fresh network's arrays and returns those to start from, for example a champion's; then the learning rate starts at
        `WARM_START` of its usual value, so that the first steps refine what is there instead of erasing it.
    cancelled
        Asked after each epoch; where it says so, the training ends there with its best epoch so far.

    Returns
    -------
    tuple
        The Keras model with the weights of its best epoch (lowest validation loss; the last one where there are fewer than
        `ENOUGH_VALIDATION` validation images), and the history.
    """
    epochs = epochs_for(len(truth), settings)
    steps = max(1, -(-len(truth) // settings.batch_size)) * epochs
    statistics = None if features is None else (features.mean(axis=0), features.var(axis=0))
    model = _compiled(n_labels, statistics, steps, settings, prepare)
    rng = np.random.default_rng(settings.seed)
    weights = (
        sample_weights(truth, n_labels) if settings.balance == "weights" else np.ones(len(truth), np.float32)
    )
    history: list[Epoch] = []
    best: tuple[float, list[npt.NDArray[np.float32]]] | None = None
    began = time.monotonic()
    for number in range(1, epochs + 1):
        learned = _one_epoch(model, squares, features, truth, weights, normalisation, settings, rng)
        seen = _validate(model, *validation)
        epoch = Epoch(number, epochs, *learned, *seen, time.monotonic() - began)
        history.append(epoch)
        on_epoch(epoch)
        trusted = len(validation[1]) >= ENOUGH_VALIDATION and number > epochs // 4
        if trusted and seen[0] is not None and (best is None or seen[0] < best[0]):
            best = (seen[0], model.get_weights())
        if cancelled():
            break
    if best is not None:
        model.set_weights(best[1])
    return model, history


def _compiled(
    n_labels: int,
    statistics: tuple[Array, Array] | None,
    steps: int,
    settings: TrainingSettings,
    prepare: Callable[[list[Array]], list[Array]] | None,
) -> Any:
    """Return the network at its start, with an optimiser whose rate falls to zero over the steps."""
    keras = import_keras()
    keras.utils.set_random_seed(settings.seed)
    model = small_xception(settings.size_px, n_labels, settings.width, statistics)
    rate = settings.learning_rate
    if prepare is not None:
        model.set_weights(prepare(model.get_weights()))
        rate *= WARM_START
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(
        keras.optimizers.Adam(schedule),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=[],
    )
    return model


def _one_epoch(
    model: Any,
    squares: Pixels,
    features: Array | None,
    truth: npt.NDArray[np.int64],
    weights: Array,
    normalisation: tuple[tuple[float, float, float], tuple[float, float, float]],
    settings: TrainingSettings,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Show the network all training images once; return loss and accuracy over them."""
    sums = np.zeros(3)
    for rows in _batches(epoch_order(truth, settings.balance, rng), settings.batch_size):
        varied = normalise(augment_batch(squares[rows], settings.augmentation, rng), *normalisation)
        inputs = {"image": varied} if features is None else {"image": varied, "features": features[rows]}
        measured = model.train_on_batch(inputs, truth[rows], sample_weight=weights[rows], return_dict=True)
        sums += len(rows) * np.array([measured["loss"], measured["accuracy"], 1.0])
    loss, accuracy = sums[:2] / sums[2]
    return float(loss), float(accuracy)


def _batches(order: npt.NDArray[np.int64], size: int) -> Sequence[npt.NDArray[np.int64]]:
    """Cut an epoch into batches; a last single image joins the batch before it (batch normalisation needs two)."""
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


def _validate(
    model: Any, inputs: dict[str, npt.NDArray[np.float32]], truth: npt.NDArray[np.int64]
) -> tuple[float | None, float | None]:
    if not len(truth):
        return None, None
    # One call of the compiled step per batch: `predict` and `evaluate` cost half a second each before they begin.
    probabilities = np.concatenate(
        [
            model.predict_on_batch({k: v[s : s + 64] for k, v in inputs.items()})
            for s in range(0, len(truth), 64)
        ]
    )
    chosen = np.clip(probabilities[np.arange(len(truth)), truth], 1e-7, 1)
    return float(-np.log(chosen).mean()), float((probabilities.argmax(axis=1) == truth).mean())
