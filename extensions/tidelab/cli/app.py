"""The commands, put together."""

from typing import Annotated

import typer

from tidelab import __version__
from tidelab.cli import (
    annotations,
    bundle,
    catalogue,
    doctor,
    ecotaxa,
    exports,
    forgetting,
    gpu,
    images,
    reports,
    runs,
    stacks,
    streams,
    usage,
)

app = typer.Typer(
    name="tidelab",
    help="Tidelab: aquatic image analysis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tidelab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an internal fault.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Tidelab: aquatic image analysis, one notebook per question, as lesson, app and report."""


app.command("list")(catalogue.list_usecases)
app.command("check")(catalogue.check)
app.command("new")(catalogue.new)
app.command("schema")(catalogue.schema)
app.command("docs")(catalogue.docs)
app.command("report")(reports.report)
app.command("run")(runs.run)
app.command("video")(streams.video)
app.command("watch")(streams.watch)
app.command("live")(streams.live)
app.command("export")(exports.export)
app.command("check-ecotaxa")(exports.check_ecotaxa)
app.command("convert")(annotations.convert)
app.command("check-annotations")(annotations.check_annotations)
app.add_typer(ecotaxa.app, name="ecotaxa")
forgetting.add_to(runs.app)
app.add_typer(runs.app, name="runs")
app.add_typer(usage.app, name="usage")
app.add_typer(gpu.app, name="gpu")
app.add_typer(stacks.app, name="stack")
app.add_typer(images.app, name="images")
app.command("bundle")(bundle.bundle)
app.command("doctor")(doctor.doctor)
