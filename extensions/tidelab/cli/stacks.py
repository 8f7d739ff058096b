"""Commands about environments: stack list, stack install."""

from typing import Annotated

import typer

from tidelab.cli._output import table

app = typer.Typer(help="The environments that kernels run in.", no_args_is_help=True)


@app.command("list")
def list_stacks() -> None:
    """List the stacks: what each is for, what it costs, whether it is installed."""
    from tidelab.environments import cost, stacks, status

    rows = []
    for stack in stacks().values():
        state = status(stack)
        gigabytes, minutes = cost([stack])
        ready = "installed" if state.ready else state.reason or "not installed"
        rows.append((stack.name, ready, f"{gigabytes:.1f} GB", f"{minutes:.0f} min", stack.purpose))
    table(("NAME", "STATE", "DISK", "INSTALL", "FOR"), rows)


@app.command("install")
def install(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Stacks, as `tidelab stack list` names them.")
    ],
) -> None:
    """Install stacks; says what it costs before it starts, and costs nothing where it is installed."""
    from tidelab.environments.__main__ import main

    code = main(["install", *names])
    if code:
        raise typer.Exit(code)
