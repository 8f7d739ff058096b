"""``tidelab report``: the notebook as a report, for people who run hundreds unattended."""

from pathlib import Path
from typing import Annotated

import typer

from tidelab.cli._output import say, table


def report(
    name: Annotated[str | None, typer.Argument(metavar="USE_CASE", help="Name of the use case.")] = None,
    images: Annotated[str, typer.Option(help="A folder, a zip, an image, or 'sample'.")] = "sample",
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html, results.csv and the notebook.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the notebook; repeatable."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="'champion', 'demo', or the folder of your own model.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files in OUT that no report has written.")
    ] = False,
    list_all: Annotated[
        bool, typer.Option("--list", help="List what can be reported, and the parameters.")
    ] = False,
) -> None:
    """Analyse images and write a report. It opens offline; the table and the executed notebook lie beside it."""
    from tidelab.catalogue import load_catalogue

    catalogue = load_catalogue()
    if list_all:
        rows = [
            (
                use_case.slug,
                use_case.title,
                ", ".join(f"{key}={p.default}" for key, p in notebook.parameters.items()),
            )
            for use_case in catalogue.values()
            for notebook in [use_case.notebooks["analyse"]]
            if "report" in notebook.faces
        ]
        table(("NAME", "TITLE", "PARAMETERS"), rows)
        return
    if name is None:
        raise typer.BadParameter(
            "name a use case, or see them with `tidelab report --list`", param_hint="USE_CASE"
        )
    if out is None:
        raise typer.BadParameter("is needed: the folder for the report", param_hint="--out")
    use_case = catalogue[name]
    if "report" not in use_case.notebook("analyse").faces:
        raise typer.BadParameter(f"{name} has no report; see `tidelab report --list`", param_hint="USE_CASE")
    from tidelab.cli._parameters import given_parameters

    parameters = given_parameters(use_case, "analyse", param, model, images)
    from tidelab.reports import render

    result = render(use_case, images=parameters.pop("images"), out=out, parameters=parameters, force=force)
    say(str(result))
    if result.exit_code:
        raise typer.Exit(result.exit_code)
