"""The steps of ``retrain.ipynb``, one function each: open, split, train, evaluate, compare, choose, save, record."""

import datetime
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tidelab import paths
from tidelab.catalogue import UseCase, load_catalogue
from tidelab.domain.card import InputSpec
from tidelab.domain.decision import Decision
from tidelab.models import ModelBundle, ModelError, ResolvedModel, resolve_model
from tidelab.models.classifier import ImageClassifier
from tidelab.models.training_images import TrainingImages
from tidelab.runs import RunFolder
from tidelab.runs.hooks import own_module
from tidelab.science.splits import TEST, VALIDATION
from tidelab.training import evaluation as evaluations
from tidelab.training import looks, torch_published, train
from tidelab.training.comparing import (
    Comparison,
    NothingToCompareError,
    compare,
    no_comparison,
    nothing_to_compare,
)
from tidelab.training.cross_validation_step import cross_validate
from tidelab.training.datasets import LabelledImages, data_digest, read_images
from tidelab.training.evaluation import Evaluation
from tidelab.training.fetching import OnProgress, file_digest
from tidelab.training.live import LiveCurves
from tidelab.training.progress import OnEpoch, ignore
from tidelab.training.recording import parameters_of, record
from tidelab.training.save import save_model
from tidelab.training.settings import TITLES, Kind, TrainingSettings
from tidelab.training.splitting import Split, split_images
from tidelab.training.starting import SCRATCH, Choice, Start, start_at
from tidelab.training.stopping import stop_button
from tidelab.training.telling import in_words
from tidelab.training.trained import TrainedModel

__all__ = [
    "LiveCurves",
    "TrainingSettings",
    "choose",
    "compare",
    "compare_with_champion",
    "cross_validate",
    "evaluate",
    "evaluate_champion",
    "fetch_published",
    "open_images",
    "parameters_of",
    "promotion_problem",
    "record",
    "save",
    "shares_of",
    "split_images",
    "starting_point",
    "train_model",
]  # fmt: skip

GENERATED: Final = "generated"
GENERATED_IMAGES, GENERATED_SEED, GENERATED_STATIONS = 600, 31, 12


@in_words
def open_images(data: str, splits: str = "", use_case: str | None = None) -> LabelledImages:
    """Read the labelled images to train on.

    Parameters
    ----------
    data
        A folder (see `tidelab.training.datasets.read_images`), or ``generated``: images made on the spot, to try the notebook with.
    splits
        Folder with ``classes.txt`` and split files, where there is one.
    use_case
        Whose generated images: those of ``labelled(folder, count, seed)`` in its own module ``synthetic``. Without it 600 plankton-like
        drawings of 12 stations.

    Raises
    ------
    RunError
        When the use case has no such module.
    """
    if data.strip() != GENERATED:
        return read_images(data, splits or None)
    with TemporaryDirectory() as scratch:
        if use_case is None:
            from tidelab.training.synthetic import generate

            generate(GENERATED_IMAGES, GENERATED_SEED, Path(scratch), stations=GENERATED_STATIONS)
        else:
            own_module(_use_case(use_case), "synthetic").labelled(
                Path(scratch), GENERATED_IMAGES, GENERATED_SEED
            )
        return replace(read_images(scratch), generated=True)


@in_words
def starting_point(
    use_case: str,
    kind: Kind,
    images: LabelledImages,
    split: Split,
    settings: TrainingSettings,
    choice: Choice = "champion",
) -> Start:
    """Return where a network's training starts: at the champion's weights if they fit and `choice` is ``champion``, else from scratch."""
    if choice == "scratch":
        return SCRATCH
    try:
        champion = resolve_model(_use_case(use_case))
    except ModelError as error:
        return Start(f"It started from scratch: {error}")
    return start_at(champion, kind, settings, images, split.rows(TEST))


@in_words
def train_model(
    kind: Kind,
    images: LabelledImages,
    split: Split,
    settings: TrainingSettings,
    on_epoch: OnEpoch = ignore,
    start: Start = SCRATCH,
) -> TrainedModel:
    """Train one model on the training images of a split (`tidelab.training.train.train_model`).

    The stop button of Lab, or Ctrl-C, ends a network's training after the present epoch; the best one so far is kept. Pressed once more it
    interrupts, and nothing is kept. A forest has no epochs, so there it interrupts at once.
    """
    if kind == "forest":
        return train.train_model(kind, images, split.parts, settings, on_epoch, start)
    with stop_button() as pressed:
        return train.train_model(kind, images, split.parts, settings, on_epoch, start, pressed)


@in_words
def evaluate(model: TrainedModel, images: LabelledImages, split: Split, part: str = TEST) -> Evaluation:
    """Run a trained model on the images of one part; images it has seen are left out of a test.

    A measurement on test images is written down (`tidelab.training.looks`).
    """
    rows, title = split.rows(part), TITLES[model.kind]
    if part != TEST:
        return evaluations.evaluate(model.classifier, images, rows, title)
    found = evaluations.evaluate(model.classifier, images, rows, title, model.learned_from)
    look = looks.look(images, rows, experiment=model.experiment, model=found.model, name=title)
    return replace(found, look=look)


@in_words
def evaluate_champion(
    use_case: str, images: LabelledImages, split: Split
) -> tuple[Evaluation, ResolvedModel] | tuple[None, str]:
    """Run the use case's champion (or its demo model, which says so) on the same test images.

    Images it was trained on are among them here; a comparison leaves them out, where its bundle lists them. Where there is none, or it
    cannot be loaded, None and the reason: a first model has nothing to be compared with, and no training is lost for that.
    """
    try:
        champion = resolve_model(_use_case(use_case))
        classifier = ImageClassifier(champion.bundle)
    except ModelError as error:
        return None, str(error)
    name = "Demo model" if champion.is_demo else f"Champion {champion.version}"
    found = evaluations.evaluate(classifier, images, split.rows(TEST), name)
    return replace(found, learned_from=TrainingImages.load(champion.bundle.folder)), champion


@in_words
def compare_with_champion(
    test: Evaluation, champion_test: Evaluation | None, champion: ResolvedModel | str
) -> tuple[Comparison | None, Decision]:
    """Compare a model with what `evaluate_champion` gave; return the figures and whether it is recommended, with reasons.

    The comparison is None where nothing can be compared fairly; the decision then says why.
    """
    look = test.look.number if test.look is not None else 1
    test_set = test.look.test_set if test.look is not None else ""
    if champion_test is None or isinstance(champion, str):
        return None, no_comparison(nothing_to_compare(champion), test)
    try:
        found = compare(test, champion_test, look=look)
    except NothingToCompareError as error:
        return None, no_comparison(str(error), test, champion.words)
    return found, found.decision(champion.words).model_copy(update={"test_set": test_set})


@in_words
def shares_of(run: str) -> dict[str, float]:
    """Return the class shares of an analysed sample, from the folder of its run; empty when `run` is empty.

    Unidentified images have no class and are left out. These are the model's own names: shares as they were counted, not corrected.
    """
    if not run.strip():
        return {}
    results = RunFolder(Path(run).expanduser()).results()
    named = results.loc[results["status"] == "predicted", "label"]
    return {str(label): float(share) for label, share in named.value_counts(normalize=True).items()}


@in_words
def choose(models: Sequence[TrainedModel], images: LabelledImages, split: Split) -> TrainedModel:
    """Choose the model with the best macro F1 on the *validation* images; of equals the first.

    Never on the test images: whoever picks the best of several by a test has used that test up.
    """
    if not len(split.rows(VALIDATION)):
        return models[0]
    return max(models, key=lambda model: evaluate(model, images, split, VALIDATION).scores.macro_f1)


@in_words
def save(
    model: TrainedModel, test: Evaluation, images: LabelledImages, split: Split, use_case: str
) -> ModelBundle:
    """Save a model as a bundle in ``~/tidelab/models/<use case>/<time>``: the folder to give as `model` in an analysis.

    A model trained on generated pictures is marked as a demonstration model, and says so wherever it is used. Pictures of real images go
    with the model only where the use case's data policy lets them travel.
    """
    person = _person()
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    return save_model(
        model, test, images, split.parts, _models_folder(use_case) / stamp,
        use_case=use_case, name=f"{use_case}--{paths.safe_name(person)}", created_by=person, demo=images.generated,
        method=f"{len(test.truth)} held-out test images, split {split.how}",
        pictures=images.generated or _use_case(use_case).data_policy.pictures_may_travel,
    )  # fmt: skip


def digest(images: LabelledImages, split: Split) -> str:
    """Return the data digest of an experiment (`tidelab.training.datasets.data_digest`)."""
    return data_digest(images, split.parts)


@in_words
def fetch_published(
    use_case: str,
    name: str,
    *,
    pictures: Sequence[Path] = (),
    known_pictures: Sequence[Path] = (),
    trust: bool = False,
) -> ModelBundle:
    """Fetch published weights that a use case declares, check them, and convert them into a bundle of your own.

    Keras weights need the kernel with TensorFlow, PyTorch weights (YOLO) the one with PyTorch.

    Parameters
    ----------
    use_case
        Slug.
    name
        ``name`` of an entry of ``model.published`` in its ``usecase.yaml``.
    pictures, known_pictures, trust
        Of PyTorch weights, as in `tidelab.training.torch_published.convert`.

    Returns
    -------
    ModelBundle
        In ``~/tidelab/models/<use case>/<name>``: give that folder as `model` in an analysis.
    """
    from tidelab.training.published import fetch

    declared = {one.name: one for one in _use_case(use_case).model.published}
    if name not in declared:
        raise ValueError(
            f"{use_case} declares no published model {name!r}; it declares: {', '.join(declared) or 'none'}."
        )
    model = declared[name]
    found = fetch(model, on_progress=progress_line(model.name))
    folder = _models_folder(use_case) / paths.safe_name(name)
    if model.framework == "torch":
        return torch_published.convert(
            found.weights, folder, sha256=file_digest(found.weights, "sha256"), use_case=use_case, name=name, title=model.title,
            image_px=model.preprocessing.size_px, pictures=pictures, known_pictures=known_pictures, trust=trust,
            source=found.source, licence=model.licence, citation=model.citation, created_by=_person(),
        )  # fmt: skip
    if found.classes is None:
        raise ValueError(
            f"{name}: its class list was not found beside the weights. Name it as classes_file in usecase.yaml."
        )
    from tidelab.training.keras_published import convert

    spec = InputSpec(kind="image", **model.preprocessing.model_dump())
    return convert(
        found.weights, folder, labels=found.classes, aphia_ids=found.aphia_ids,
        input_spec=spec, use_case=use_case, name=name, title=model.title, source=found.source, licence=model.licence,
        citation=model.citation, created_by=_person(),
    )  # fmt: skip


def progress_line(name: str) -> OnProgress:
    """Return a progress callback for a download that prints a line for every tenth of it."""
    said = -1

    def show(there: int, total: int | None) -> None:
        nonlocal said
        tenth = there * 10 // total if total else there // (50 * 2**20)
        if tenth != said:
            said = tenth
            whole = f" of {total / 1e6:.0f}" if total else ""
            print(f"{name}: {there / 1e6:.0f}{whole} MB", flush=True)

    return show


def promotion_problem(version: object | None) -> str:
    """Return why promotion cannot be asked for, or an empty text."""
    if version is None:
        return "Promotion was not asked for: the model is not registered, because MLflow could not be reached. Run the notebook again later."
    return ""


def _person() -> str:
    return os.environ.get("JUPYTERHUB_USER", "me")


def _models_folder(use_case: str) -> Path:
    return Path.home() / "tidelab" / "models" / paths.safe_name(use_case)


def _use_case(slug: str) -> UseCase:
    return load_catalogue()[slug]
