"""Rules that join several fields of a declaration; one small function each, all of them are reported at once."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

from tidelab.catalogue._label_rules import label_rules
from tidelab.catalogue.notebooks import INPUT
from tidelab.catalogue.parameters import ChoiceParameter, IntegerParameter, NumberParameter, PathParameter
from tidelab.catalogue.policy import OLD_SCOPES
from tidelab.catalogue.samples import SampleFieldName
from tidelab.catalogue.task import NO_OBJECT

if TYPE_CHECKING:
    from tidelab.catalogue.usecase import UseCase

Broken = tuple[tuple[str | int, ...], str]
"""Path of the field, and the rule as the end of a sentence that starts with the field."""


def broken_rules(use_case: "UseCase") -> list[Broken]:
    """Return every joined rule that a declaration breaks."""
    rules = (
        _labels,
        label_rules,
        _stacks,
        _flavours,
        _notebooks,
        _app,
        _parameters,
        _sample_parameters,
        _published,
        _names,
        _hooks,
        _policy,
    )
    return [broken for rule in rules for broken in rule(use_case)]


def _labels(use_case: "UseCase") -> Iterator[Broken]:
    if len(use_case.labels) < 2 and not use_case.task.finds_objects:
        yield (
            ("labels",),
            "has one class; a model that names images needs at least two (a detector may look for one kind of thing).",
        )
    seen: Counter[str] = Counter()
    for index, label in enumerate(use_case.labels):
        seen[label.name.casefold()] += 1
        if seen[label.name.casefold()] > 1:
            yield (
                ("labels", index, "name"),
                f"is '{label.name}', which another label has too; names must differ.",
            )
        if use_case.task.finds_objects and label.name.casefold() == NO_OBJECT:
            yield (
                ("labels", index, "name"),
                f"is '{label.name}', which is what a person says of a box without an object; choose another name.",
            )


def _stacks(use_case: "UseCase") -> Iterator[Broken]:
    known = use_case.stacks.names
    for name, notebook in use_case.notebooks.items():
        if notebook.stack not in known:
            yield (
                ("notebooks", name, "stack"),
                f"is '{notebook.stack}'; it must be one of the use case's stacks: {', '.join(known)}.",
            )
        elif notebook.stack != use_case.stacks.analyse and {"app", "report"} & set(notebook.faces):
            yield (
                ("notebooks", name, "stack"),
                f"is '{notebook.stack}'; apps and reports run in the stack `stacks.analyse` ({use_case.stacks.analyse}).",
            )
    for name, flavour in use_case.resources.flavours.items():
        for index, stack in enumerate(flavour.stacks):
            if stack not in known:
                yield (
                    ("resources", "flavours", name, "stacks", index),
                    f"is '{stack}'; it must be one of the use case's stacks: {', '.join(known)}.",
                )


def _flavours(use_case: "UseCase") -> Iterator[Broken]:
    flavours = use_case.resources.flavours
    if use_case.resources.default not in flavours:
        yield (
            ("resources", "default"),
            f"is '{use_case.resources.default}'; it must be one of the flavours: {', '.join(flavours)}.",
        )
    offered = {stack for flavour in flavours.values() for stack in flavour.stacks}
    for name, notebook in use_case.notebooks.items():
        if notebook.stack in use_case.stacks.names and notebook.stack not in offered:
            yield (
                ("resources", "flavours"),
                f"offers no server with the stack '{notebook.stack}' that notebook '{name}' needs.",
            )


def _notebooks(use_case: "UseCase") -> Iterator[Broken]:
    if "analyse" not in use_case.notebooks:
        yield ("notebooks",), "has no `analyse`; every use case answers that question first."
    files: Counter[str] = Counter()
    for name, notebook in use_case.notebooks.items():
        files[notebook.file] += 1
        if files[notebook.file] > 1:
            yield ("notebooks", name, "file"), f"is '{notebook.file}', which another notebook has too."


def _app(use_case: "UseCase") -> Iterator[Broken]:
    if use_case.faces("app") and use_case.app is None:
        yield ("app",), f"is missing, and notebook '{use_case.faces('app')[0]}' has the face `app`."


def _parameters(use_case: "UseCase") -> Iterator[Broken]:
    for name, notebook in use_case.notebooks.items():
        for key, parameter in notebook.parameters.items():
            path = ("notebooks", name, "parameters", key)
            if isinstance(parameter, IntegerParameter | NumberParameter):
                low, high = parameter.minimum, parameter.maximum
                if low is not None and high is not None and low > high:
                    yield (*path, "minimum"), f"is {low}, above the maximum {high}."
            if isinstance(parameter, ChoiceParameter) and len(set(parameter.choices)) < len(
                parameter.choices
            ):
                yield (*path, "choices"), "names a choice twice."
            if isinstance(parameter, PathParameter) and key == INPUT and not parameter.default.strip():
                yield (
                    (*path, "default"),
                    "is empty; expected `sample` or a path: there is always something to analyse.",
                )
            try:
                if parameter.default is not None:
                    parameter.check(parameter.default)
            except ValueError as error:
                yield (*path, "default"), f"is {parameter.default!r}; {error}"


def _sample_parameters(use_case: "UseCase") -> Iterator[Broken]:
    """Find parameters that ask for a fact of a sample which is not declared, or that answer it themselves by a default."""
    for key, parameter in (
        use_case.notebooks["analyse"].parameters.items() if "analyse" in use_case.notebooks else ()
    ):
        path = ("notebooks", "analyse", "parameters", key)
        if key in get_args(SampleFieldName):
            if key not in use_case.samples.fields:
                yield path, "asks for a fact of the sample that `samples.fields` does not name."
            if parameter.default is not None:
                yield (
                    (*path, "default"),
                    f"is {parameter.default!r}; it must be null: what nobody gave is not known.",
                )


def _published(use_case: "UseCase") -> Iterator[Broken]:
    names: Counter[str] = Counter()
    for index, source in enumerate(use_case.model.published):
        path = ("model", "published", index)
        names[source.name] += 1
        if names[source.name] > 1:
            yield (*path, "name"), f"is '{source.name}', which another published model has too."
        if source.url is None and source.doi is None:
            yield path, "needs a `url` or a `doi`."
        if source.sha256 is None and source.checksum is None:
            yield path, "needs a `sha256`, or the repository's `checksum` until it was fetched once."
        if source.checksum == "from-repository" and source.doi is None:
            yield (*path, "checksum"), "is 'from-repository', which needs the `doi` of the record to ask."


def _names(use_case: "UseCase") -> Iterator[Broken]:
    if use_case.model.registered_name != use_case.slug:
        yield (
            ("model", "registered_name"),
            f"is '{use_case.model.registered_name}'; it must be the slug, '{use_case.slug}'.",
        )
    expected = f"maintainers-{use_case.slug}"
    if use_case.maintainers_group != expected:
        yield ("maintainers_group",), f"is '{use_case.maintainers_group}'; it must be '{expected}'."


def _hooks(use_case: "UseCase") -> Iterator[Broken]:
    for field in ("measures", "products"):
        seen: Counter[str] = Counter()
        for index, member in enumerate(getattr(use_case.task, field)):
            seen[member] += 1
            if seen[member] > 1:
                yield ("task", field, index), f"is '{member}', which is named before; once is enough."


def _policy(use_case: "UseCase") -> Iterator[Broken]:
    policy = use_case.data_policy
    if policy.cache_scope and OLD_SCOPES[policy.cache_scope] != policy.kind:
        yield (
            ("data_policy", "cache_scope"),
            f"is '{policy.cache_scope}', an old name, beside the kind '{policy.kind}'; keep `kind` and remove it.",
        )
    if policy.kind == "open" and not policy.results_licence:
        yield (
            ("data_policy", "results_licence"),
            "is missing: nobody can use open results without a licence, e.g. CC-BY-4.0.",
        )
