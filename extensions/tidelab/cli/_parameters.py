"""``--param name=value`` and ``--model``, checked against a notebook's declaration."""

from typing import Any

import typer

from tidelab.catalogue import UseCase


def given_parameters(
    use_case: UseCase, notebook: str, pairs: list[str] | None, model: str | None, images: str | None
) -> dict[str, Any]:
    """Return the complete, checked parameters of a notebook.

    Parameters
    ----------
    use_case
        The use case.
    notebook
        Name of its notebook.
    pairs
        ``name=value`` each.
    model
        Value of the parameter ``model``, if it was given on its own.
    images
        Value of the parameter ``images``, if it was given on its own.

    Raises
    ------
    typer.BadParameter
        A pair is not ``name=value``, or a name is given twice.
    ParameterError
        A name is unknown or a value breaks its rule.
    """
    values: dict[str, Any] = {
        name: value for name, value in (("model", model), ("images", images)) if value is not None
    }
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{pair!r} is not name=value, e.g. threshold=0.6", param_hint="--param")
        if name in values:
            raise typer.BadParameter(f"'{name}' is given twice", param_hint="--param")
        values[name] = value
    return use_case.validate_parameters(notebook, values)
