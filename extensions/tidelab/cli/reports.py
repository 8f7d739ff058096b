"""``tidelab report``: the notebook as a report, for people who run hundreds unattended."""

from pathlib import Path
from typing import Annotated

import typer

from tidelab.cli._output import say, table, warn


def report(
    name: Annotated[str | None, typer.Argument(metavar="USE_CASE", help="Name of the use case.")] = None,
    images: Annotated[
        str | None, typer.Option(help="A folder, a zip, an image, or 'sample' (the default).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html, the tables and the notebook.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the notebook; repeatable."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="'champion', 'demo', or the folder of your own model.")
    ] = None,
    notebook: Annotated[str, typer.Option(help="Which of its notebooks, e.g. drift.")] = "analyse",
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files in --out that no report has written.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    list_all: Annotated[
        bool, typer.Option("--list", help="List what can be reported, with the parameters.")
    ] = False,
) -> None:
    """Analyse images and write a report. It opens offline; the tables and the executed notebook lie beside it.

    A failed analysis is written too, with the failing step on top, and the exit code is 1.
    """
    from tidelab.catalogue import load_catalogue

    catalogue = load_catalogue()
    if list_all:
        rows = [
            (
                use_case.slug,
                key,
                use_case.title,
                ", ".join(
                    f"{k}={'' if p.default is None else p.default}"
                    for k, p in use_case.notebook(key).parameters.items()
                ),
            )
            for use_case in catalogue.values()
            for key in use_case.faces("report")
        ]
        table(("USE CASE", "NOTEBOOK", "TITLE", "PARAMETERS"), rows)
        return
    if name is None:
        raise typer.BadParameter(
            "name a use case, or see them with `tidelab report --list`", param_hint="USE_CASE"
        )
    if out is None:
        raise typer.BadParameter("is needed: the folder for the report", param_hint="--out")
    use_case = catalogue[name]
    if notebook not in use_case.faces("report"):
        known = ", ".join(use_case.faces("report")) or "none"
        raise typer.BadParameter(
            f"{name} has no report '{notebook}'; its reports: {known}", param_hint="--notebook"
        )
    from tidelab.cli._parameters import given_parameters

    parameters = given_parameters(use_case, notebook, param, model, images)
    from tidelab.reports import render

    written = render(
        use_case,
        images=parameters.pop("images", "sample"),
        out=out,
        parameters=parameters,
        notebook=notebook,
        force=force,
        progress=not quiet,
    )
    (say if written.ok else warn)(str(written))
    if not written.ok:
        raise typer.Exit(written.exit_code)
