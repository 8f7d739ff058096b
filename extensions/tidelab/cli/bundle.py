"""The command `tidelab bundle`: a folder that runs one use case without a network."""

from pathlib import Path
from typing import Annotated

import typer

from tidelab.cli._output import say, warn


def bundle(
    use_case: Annotated[str, typer.Argument(help="Slug of the use case.")],
    out: Annotated[Path, typer.Argument(help="Folder to make; it must not exist.")],
    image: Annotated[bool, typer.Option(help="Take the Docker image along.")] = True,
    wheels: Annotated[
        bool, typer.Option(help="Take the packages along, for machines without Docker.")
    ] = True,
    prefix: Annotated[str, typer.Option(help="Prefix of the image's name.")] = "tidelab",
) -> None:
    """Make a folder that works without a network.

    It runs one use case's app and reports, e.g. on a ship, and keeps receipts to hand in.
    """
    from tidelab.catalogue import UnknownUseCaseError, load_catalogue
    from tidelab.containers.offline import BundleError, make_bundle

    try:
        made = make_bundle(
            load_catalogue()[use_case], out.absolute(), image=image, wheels=wheels, prefix=prefix, say=say
        )
    except (BundleError, UnknownUseCaseError) as error:
        warn(str(error))
        raise typer.Exit(1) from None
    say(f"{made.folder}: {made.size_bytes / 1e9:.2f} GB. Copy it, and read START HERE.txt there.")
