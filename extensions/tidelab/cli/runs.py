"""Commands about runs: run, runs list, runs show, runs cancel, runs resume; see `tidelab.cli.forgetting` for those that delete."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidelab.cli._output import say, table

if TYPE_CHECKING:
    from tidelab.runs import RunFolder

app = typer.Typer(help="List, show, stop and resume runs.", no_args_is_help=True)

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Folder of the run, or its name in `tidelab runs list`.")
]
_POLL_SECONDS = 0.5


def run(
    name: Annotated[str, typer.Argument(metavar="USE_CASE", help="Name of the use case.")],
    images: Annotated[str, typer.Option(help="A folder, a zip, an image, or 'sample'.")] = "sample",
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the notebook; repeatable."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="'champion', 'demo', or the folder of your own model.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the end, or return at once.")
    ] = True,
) -> None:
    """Analyse images, without a report. The run goes on when this terminal closes."""
    from tidelab.catalogue import load_catalogue
    from tidelab.cli._parameters import given_parameters
    from tidelab.runs import get_executor, prepare

    use_case = load_catalogue()[name]
    parameters = given_parameters(use_case, "analyse", param, model, images)
    folder = prepare(use_case, parameters=parameters, face="lab")
    get_executor("process").submit(folder)
    say(str(folder.path))
    if wait:
        _follow(folder)


@app.command("list")
def list_all(
    name: Annotated[
        str | None, typer.Argument(metavar="[USE_CASE]", help="Only runs of this use case.")
    ] = None,
) -> None:
    """List your runs, newest first."""
    from tidelab.catalogue import load_catalogue
    from tidelab.runs import list_runs

    catalogue = load_catalogue()
    chosen = [catalogue[name]] if name else list(catalogue.values())
    rows = []
    for use_case in chosen:
        for folder in list_runs(use_case):
            state = folder.state()
            rows.append(
                (
                    state.started or "",
                    folder.path.name,
                    use_case.slug,
                    state.status,
                    f"{state.done}/{state.total}",
                )
            )
    rows.sort(reverse=True)
    table(("STARTED", "RUN", "USE CASE", "STATE", "IMAGES"), rows)


@app.command("show")
def show(run_name: RunArgument) -> None:
    """Say how a run stands."""
    folder = _find(run_name)
    state = folder.state()
    say(f"{folder.path}")
    say(
        f"{state.status}: {state.done} of {state.total} images, {state.failed} files could not be used, {state.cached} from the cache"
    )
    for line in (state.step if not state.is_over else "", state.message):
        if line:
            say(line)
    if state.status == "done":
        verdict = folder.verdict()
        say(f"verdict {verdict.state}: {verdict.headline}")
    elif state.is_over:
        say(f"Go on with: tidelab runs resume {folder.path.name}")


@app.command("cancel")
def cancel(run_name: RunArgument) -> None:
    """Stop a run. What is finished is kept, and `resume` goes on from there."""
    folder = _find(run_name)
    if folder.state().is_over:
        say(f"{folder.path.name} is over already ({folder.state().status}).")
        return
    folder.cancel()
    say(f"Asked {folder.path.name} to stop.")


@app.command("resume")
def resume(run_name: RunArgument) -> None:
    """Go on with a run that stopped. No finished image is repeated."""
    from tidelab.runs import get_executor

    folder = _find(run_name)
    if folder.state().status == "done":
        say(f"{folder.path.name} is done; there is nothing to resume.")
        return
    get_executor("process").submit(folder)
    _follow(folder)


@app.command("remake")
def remake(run_name: RunArgument) -> None:
    """Make the use case's files again, with what people said since.

    The exit code is 1 when one of them could not be made; the files of before are then kept, marked as older.
    """
    from tidelab.runs.remake import remake_products

    folder = _find(run_name)
    made = remake_products(folder)
    for product in folder.products():
        say(f"{product.path}{'  (of before)' if product.stale else ''}")
    for problem in made.problems.values():
        say(problem)
    if made.problems:
        raise typer.Exit(1)


def _find(name: str) -> "RunFolder":
    from tidelab import paths
    from tidelab.runs import RunFolder, list_runs

    path = Path(name).expanduser()
    if path.is_dir():
        return RunFolder.load(path.resolve())
    from tidelab.catalogue import load_catalogue

    for use_case in load_catalogue().values():
        for folder in list_runs(use_case):
            if folder.path.name == name:
                return folder
    raise typer.BadParameter(
        f"there is no run {name!r} in {paths.runs()}; see `tidelab runs list`", param_hint="RUN"
    )


def _follow(folder: "RunFolder") -> None:
    said = ""
    while True:
        state = folder.state()
        images = f" ({state.done} of {state.total} images)" if state.total else ""
        line = f"{state.step or state.status}{images}"
        if line != said:
            said = line
            say(line)
        if state.is_over:
            break
        time.sleep(_POLL_SECONDS)
    if state.message:
        say(state.message)
    if state.status != "done":
        raise typer.Exit(1)
