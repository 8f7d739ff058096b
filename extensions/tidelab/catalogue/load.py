"""Reads one use case's folder, or all of them."""

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tidelab import paths
from tidelab.catalogue._explain import explain
from tidelab.catalogue._yaml import read_yaml
from tidelab.catalogue.errors import Problem, UnknownUseCaseError, UseCaseError
from tidelab.catalogue.usecase import UseCase

DECLARATION = "usecase.yaml"


@functools.cache
def usecase_schema() -> dict[str, Any]:
    """Return the JSON schema of ``usecase.yaml`` as pydantic makes it."""
    return UseCase.model_json_schema()


def load_usecase(folder: str | Path) -> UseCase:
    """Return the use case in a folder.

    Reading it checks the declaration alone; ``tidelab check`` also looks at the files it names and at its notebooks.

    Raises
    ------
    UseCaseError
        The declaration is missing or breaks a rule; the text has one line for each problem: file, line, field, value,
        rule, next step.
    """
    folder = Path(folder).resolve()
    file = folder / DECLARATION
    data, lines = read_yaml(file)
    try:
        # Through JSON, pydantic's strict mode takes a list for a tuple and text for a day, and still no text for a number.
        use_case = UseCase.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise UseCaseError(explain(file, error, data, lines, usecase_schema())) from None
    if use_case.slug != folder.name:
        rule = f"is '{use_case.slug}'; it must be the folder's name, '{folder.name}'."
        raise UseCaseError(
            [Problem(file, rule, field="slug", line=lines.get(("slug",)), next_step="Rename one of them.")]
        )
    return use_case.placed_in(folder)


class Catalogue(Mapping[str, UseCase]):
    """Slug -> use case, in alphabetical order; what could not be read stands in ``problems``.

    Parameters
    ----------
    use_cases
        The use cases that can be used.
    problems
        Folder -> its error; a broken folder never hides the others.
    """

    def __init__(self, use_cases: Mapping[str, UseCase], problems: Mapping[Path, UseCaseError]) -> None:
        self._use_cases = dict(sorted(use_cases.items()))
        self.problems = dict(problems)

    def __getitem__(self, slug: str) -> UseCase:
        try:
            return self._use_cases[slug]
        except KeyError:
            raise UnknownUseCaseError(
                slug, self._use_cases, [folder.name for folder in self.problems]
            ) from None

    def __contains__(self, slug: object) -> bool:
        return slug in self._use_cases

    def __iter__(self) -> Iterator[str]:
        return iter(self._use_cases)

    def __len__(self) -> int:
        return len(self._use_cases)


def usecase_candidates() -> list[Path]:
    """Return every folder that should hold a use case: children of the catalogue's folders, without ``_x`` and ``.x``."""
    found: list[Path] = []
    for parent in paths.usecase_folders():
        try:
            children = sorted(parent.iterdir())
        except OSError:
            continue  # named by load_catalogue
        found += [child for child in children if child.is_dir() and not child.name.startswith((".", "_"))]
    return found


def load_catalogue() -> Catalogue:
    """Return all use cases of the repository and of ``TIDELAB_USECASES``."""
    use_cases: dict[str, UseCase] = {}
    problems: dict[Path, UseCaseError] = {}
    for parent in paths.usecase_folders():
        if not parent.is_dir():
            rule = "is not a folder, but TIDELAB_USECASES or the checkout names it."
            problems[parent] = UseCaseError(
                [Problem(parent, rule, next_step="Make it, or correct the setting.")]
            )
    for folder in usecase_candidates():
        try:
            use_case = _usable(load_usecase(folder))
        except UseCaseError as error:
            problems[folder] = error
            continue
        if use_case.slug in use_cases:
            first = use_cases[use_case.slug].folder
            rule = f"has the slug '{use_case.slug}', which {first} has too; the first one is used."
            problems[folder] = UseCaseError(
                [Problem(folder / DECLARATION, rule, next_step="Rename one of them.")]
            )
            continue
        use_cases[use_case.slug] = use_case
    return Catalogue(use_cases, problems)


def _usable(use_case: UseCase) -> UseCase:
    """Refuse a use case whose app or report would open nothing; `tidelab check` says what else is missing."""
    missing = [
        Problem(
            use_case.folder / DECLARATION,
            f"names '{notebook.file}', which is not in the folder.",
            field=f"notebooks.{name}.file",
            next_step="Add the file, or drop the field.",
        )
        for name, notebook in use_case.notebooks.items()
        if {"app", "report"} & set(notebook.faces) and not notebook.path.is_file()
    ]
    if missing:
        raise UseCaseError(missing)
    return use_case
