"""Whether a use case's folder is complete: the files it names, its stacks, its demonstration model, its hooks, its notebooks."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from tidelab.catalogue._label_rules import label_advice
from tidelab.catalogue.errors import Problem
from tidelab.catalogue.hooks import hook_problems
from tidelab.catalogue.load import DECLARATION
from tidelab.catalogue.notebook_rules import notebook_problems
from tidelab.catalogue.usecase import UseCase
from tidelab.environments.errors import EnvironmentsError
from tidelab.environments.model import load_environments

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
BUNDLE_FILES = ("model.onnx", "card.json", "reference.npz")


def check_usecase(use_case: UseCase) -> list[Problem]:
    """Return everything that is wrong with a use case whose declaration could be read."""
    problems = [*_files(use_case), *_stacks(use_case), *_demo(use_case), *_sample(use_case)]
    problems += hook_problems(use_case, use_case.folder / DECLARATION)
    for name, notebook in use_case.notebooks.items():
        if notebook.path.is_file():
            problems += notebook_problems(use_case, name)
    return problems


def advice(use_case: UseCase) -> list[Problem]:
    """Return what is no error and a person should know: taxa that nobody compared with WoRMS, ranks and names that are missing."""
    return [_declared(use_case, field, rule, next_step) for field, rule, next_step in label_advice(use_case)]


def _files(use_case: UseCase) -> Iterator[Problem]:
    named = {f"notebooks.{name}.file": notebook.file for name, notebook in use_case.notebooks.items()}
    if use_case.picture:
        named["picture"] = use_case.picture
    if use_case.sample.truth:
        named["sample.truth"] = use_case.sample.truth
    for field, name in named.items():
        file = use_case.folder / name
        if not file.is_file():
            yield _declared(
                use_case,
                field,
                f"names '{name}', which is not in the folder.",
                "Add the file, or drop the field.",
            )
        elif not file.resolve().is_relative_to(use_case.folder):
            yield _declared(
                use_case, field, f"names '{name}', a link that leaves the folder.", "Copy the file into it."
            )
    if not (use_case.folder / "README.md").is_file():
        yield Problem(
            use_case.folder / "README.md", "is not there; it is the model card.", next_step="Write one."
        )


def _stacks(use_case: UseCase) -> Iterator[Problem]:
    try:
        stacks = [name for name, environment in load_environments().items() if environment.is_stack]
    except (EnvironmentsError, OSError) as error:
        yield Problem(
            use_case.folder / DECLARATION, f"names stacks that cannot be looked up: {error}", field="stacks"
        )
        return
    for name in use_case.stacks.names:
        if name not in stacks:
            rule = f"names the stack '{name}', which images/ does not have; stacks: {', '.join(stacks) or 'none'}."
            yield _declared(use_case, "stacks", rule, "Correct the name, or add images/<stack>/.")


def _demo(use_case: UseCase) -> Iterator[Problem]:
    folder = use_case.demo_folder
    if folder is None:
        return
    missing = [name for name in BUNDLE_FILES if not (folder / name).is_file()]
    if missing:
        rule = f"names a bundle without {', '.join(missing)}."
        yield _declared(use_case, "model.demo.folder", rule, "Make it again, or drop the field.")
        return
    card = folder / "card.json"
    try:
        content = json.loads(card.read_text(encoding="utf-8"))
        labels, demo = list(content["labels"]), content.get("demo")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        yield Problem(card, "is not the card of a model.", next_step="Make the bundle again.")
        return
    unknown = [label for label in labels if label not in use_case.label_names]
    if unknown:
        names = ", ".join(map(str, unknown[:10]))
        yield Problem(card, f"has classes that usecase.yaml does not declare: {names}.", field="labels")
    if demo is not True:
        yield Problem(
            card, f"is {demo!r}; a committed model is a demonstration model and says so.", field="demo"
        )


def _sample(use_case: UseCase) -> Iterator[Problem]:
    folder = use_case.sample_folder
    if not folder.is_dir():
        yield _declared(
            use_case, "sample.folder", f"names '{use_case.sample.folder}', which is not a folder.", "Make it."
        )
    elif not any(itertools.islice(_images(folder), 1)):
        kinds = ", ".join(IMAGE_SUFFIXES)
        yield _declared(
            use_case, "sample.folder", f"names a folder without an image ({kinds}).", "Add images."
        )


def _images(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())


def _declared(use_case: UseCase, field: str, rule: str, next_step: str) -> Problem:
    return Problem(use_case.folder / DECLARATION, rule, field=field, next_step=next_step)
