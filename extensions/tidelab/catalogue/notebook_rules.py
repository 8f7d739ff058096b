"""The contract of a notebook, as rules over its JSON: the same cells must serve as lesson, app and report.

Standard library only; ``tidelab check`` and ``tests/notebooks`` use the same rules.
"""

import ast
from collections.abc import Iterator
from typing import Any

from tidelab.catalogue.errors import Problem, shorten
from tidelab.catalogue.notebook_cells import Cell, NotANotebookError, read_cell, read_notebook
from tidelab.catalogue.notebooks import Notebook
from tidelab.catalogue.usecase import UseCase

MAX_ANALYSE_LINES = 40
SHOWING = ("show", "validation", "page")
"""What shows something of the run below the form, and follows when another run is shown."""
TAGS = ("parameters", "lesson", "result")
"""``parameters``: the one cell papermill fills; ``lesson``: skipped by the app; ``result``: hidden by the app until it is there."""


def notebook_problems(use_case: UseCase, name: str) -> list[Problem]:
    """Return every rule of the contract that one notebook of a use case breaks.

    Parameters
    ----------
    use_case
        The use case.
    name
        Name of the notebook in the declaration, e.g. ``analyse``.
    """
    notebook = use_case.notebook(name)
    try:
        content = read_notebook(notebook.path)
        cells = [read_cell(number, raw) for number, raw in enumerate(content["cells"], start=1)]
    except NotANotebookError as error:
        return [Problem(notebook.path, str(error))]
    found: list[tuple[str, str]] = [
        *_kernel(notebook, content),
        *_stripped(cells),
        *_tags(cells),
        *_code(cells),
        *_parameters(notebook, cells),
        *_length(name, cells),
        *_explained(cells),
        *_shown(cells),
        *_results_tagged(notebook, cells),
        *_own_name(use_case, cells),
    ]
    return [Problem(notebook.path, rule, field=field) for field, rule in found]


def _kernel(notebook: Notebook, content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    metadata = content.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    kernel = spec.get("name") if isinstance(spec, dict) else None
    if kernel != f"tidelab-{notebook.stack}":
        yield (
            "kernelspec",
            f"is {shorten(str(kernel))}; it must be 'tidelab-{notebook.stack}', the kernel of its stack.",
        )


def _stripped(cells: list[Cell]) -> Iterator[tuple[str, str]]:
    for cell in cells:
        if cell.raw.get("outputs"):
            yield (
                cell.field,
                "has outputs; strip them (`tidelab check --fix`), they belong to whoever ran it.",
            )
        if cell.raw.get("execution_count") is not None:
            yield cell.field, "has an execution count; strip it (`tidelab check --fix`)."


def _tags(cells: list[Cell]) -> Iterator[tuple[str, str]]:
    for cell in cells:
        for tag in cell.tags:
            if tag not in TAGS:
                yield (
                    cell.field,
                    f"has the tag {shorten(tag)}; only `parameters`, `lesson` and `result` mean something.",
                )


def _code(cells: list[Cell]) -> Iterator[tuple[str, str]]:
    for cell in cells:
        if cell.kind != "code":
            continue
        if cell.tree is None:
            yield (
                cell.field,
                "is not plain Python (a syntax error, or a `%` or `!` line); the app and the report run it too.",
            )
            continue
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield (
                    cell.field,
                    f"defines `{node.name}`; functions live in the toolkit or in the use case's src/ folder.",
                )


def _parameters(notebook: Notebook, cells: list[Cell]) -> Iterator[tuple[str, str]]:
    tagged = [cell for cell in cells if "parameters" in cell.tags]
    if len(tagged) != 1 or tagged[0].kind != "code":
        if tagged or notebook.parameters:
            yield "parameters", f"must be the tag of exactly one code cell; {len(tagged)} cells have it."
        return
    cell = tagged[0]
    if cell.tree is None:
        return  # said by _code
    given: dict[str, Any] = {}
    for statement in cell.tree.body:
        try:
            name, value = _assignment(statement)
        except ValueError:
            yield (
                cell.field,
                f"line {statement.lineno} is not `name = value` with a plain value; nothing else belongs here.",
            )
            continue
        given[name] = value
    for name, parameter in notebook.parameters.items():
        if name not in given:
            yield (
                cell.field,
                f"lacks the parameter `{name}` that usecase.yaml declares (default {parameter.default!r}).",
            )
        elif (given[name], type(given[name])) != (parameter.default, type(parameter.default)):
            yield (
                cell.field,
                f"sets `{name}` to {given[name]!r}; the default in usecase.yaml is {parameter.default!r}.",
            )
    for name in given:
        if name not in notebook.parameters:
            yield cell.field, f"sets `{name}`, which usecase.yaml does not declare for this notebook."


def _assignment(statement: ast.stmt) -> tuple[str, Any]:
    target: ast.expr
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        raise ValueError("no assignment")
    if not isinstance(target, ast.Name) or statement.value is None:
        raise ValueError("no plain name")
    return target.id, ast.literal_eval(statement.value)


def _length(name: str, cells: list[Cell]) -> Iterator[tuple[str, str]]:
    # How many parameters there are is the declaration's business, and each is one plain line.
    counted = [cell for cell in cells if cell.kind == "code" and "parameters" not in cell.tags]
    lines = [line for cell in counted for line in cell.source.splitlines()]
    count = sum(1 for line in lines if line.strip() and not line.lstrip().startswith("#"))
    if name == "analyse" and count > MAX_ANALYSE_LINES:
        yield (
            "",
            f"has {count} lines of code, more than {MAX_ANALYSE_LINES} beside its parameters; move what is long into the toolkit.",
        )


def _shows(cell: Cell) -> bool:
    return any(cell.calls_of(method) for method in SHOWING)


def _explained(cells: list[Cell]) -> Iterator[tuple[str, str]]:
    for before, cell in zip([None, *cells], cells, strict=False):
        if _shows(cell) and (before is None or before.kind != "markdown" or not before.source.strip()):
            yield (
                cell.field,
                "shows a result without a text cell before it that says what is seen and how to read it.",
            )


def _shown(cells: list[Cell]) -> Iterator[tuple[str, str]]:
    forms = [cell.number for cell in cells if cell.calls_of("form")]
    for cell in cells:
        if not forms or cell.number <= forms[0] or cell.tree is None:
            continue
        for node in ast.walk(cell.tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("print", "display")
            ):
                yield (
                    cell.field,
                    f"calls `{node.func.id}` below the form; what is shown there goes through `analysis.show(...)`.",
                )
        for statement in cell.tree.body:
            value = statement.value if isinstance(statement, ast.Expr) else None
            if value is None or (isinstance(value, ast.Constant) and isinstance(value.value, str)):
                continue
            call = (
                isinstance(value, ast.Call)
                and isinstance(value.func, ast.Attribute)
                and value.func.attr in SHOWING
            )
            printed = (
                isinstance(value, ast.Call)
                and isinstance(value.func, ast.Name)
                and value.func.id in ("print", "display")
            )
            if not call and not printed:
                yield (
                    cell.field,
                    f"line {statement.lineno} shows a value below the form without `analysis.show(...)` (or `analysis.validation()`, `analysis.page(...)`).",
                )


def _results_tagged(notebook: Notebook, cells: list[Cell]) -> Iterator[tuple[str, str]]:
    for cell in cells:
        if "app" in notebook.faces and _shows(cell) and "result" not in cell.tags:
            yield (
                cell.field,
                "shows a result without the tag `result`, by which the app hides it until the analysis is done.",
            )


def _own_name(use_case: UseCase, cells: list[Cell]) -> Iterator[tuple[str, str]]:
    """Find notebooks that were copied and still analyse for, or train, the use case they came from."""
    for cell in cells:
        for node in ast.walk(cell.tree) if cell.tree else ():
            named: ast.expr | None = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Analysis":
                named = node.args[0] if node.args else None
            elif isinstance(node, ast.Assign) and [getattr(to, "id", "") for to in node.targets] == [
                "use_case"
            ]:
                named = node.value
            if isinstance(named, ast.Constant) and named.value != use_case.slug:
                yield cell.field, f"names the use case {named.value!r}; this one is '{use_case.slug}'."
