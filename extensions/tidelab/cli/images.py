"""Commands about container images: images build, list, plan, bake."""

from pathlib import Path
from typing import Annotated

import typer

from tidelab.cli._output import say

app = typer.Typer(help="Container images of the use cases.", no_args_is_help=True)

UseCases = Annotated[
    list[str] | None, typer.Argument(metavar="USE_CASE...", help="Use cases; default: all of the catalogue.")
]
WhichVariant = Annotated[
    str, typer.Option("--variant", help="cpu, cuda, or auto: what this machine's GPU decides.")
]
Flavours = Annotated[
    list[str] | None, typer.Option("--flavour", help="Only the images of these sizes of server; repeat it.")
]
Prefix = Annotated[
    str, typer.Option("--prefix", help="What names begin with, a registry's address included.")
]
Base = Annotated[str, typer.Option("--base-image", help="Debian 12 that all lies on.")]
Authorities = Annotated[
    Path | None,
    typer.Option("--ca-bundle", help="PEM certificates that the images shall trust, beside Debian's own."),
]


@app.command("build")
def build(
    use_cases: UseCases = None,
    variant: WhichVariant = "auto",
    flavour: Flavours = None,
    prefix: Prefix = "tidelab",
    base_image: Base = "debian:bookworm-slim",
    ca_bundle: Authorities = None,
    network: Annotated[
        str, typer.Option("--network", help="Network of the build: host, or the engine's `default`.")
    ] = "host",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Everything again, without the engine's cache.")
    ] = False,
) -> None:
    """Build the images of use cases, parents first; what is up to date costs nothing."""
    from tidelab.containers.build import build_all

    builds = _plan(use_cases, variant, flavour, prefix, base_image, ca_bundle)
    done = build_all(builds, say, network=network, fresh=fresh)
    new = [one for one in done if one.fresh]
    seconds = sum(one.seconds for one in new)
    say(
        f"{len(new)} of {len(done)} images built in {seconds:.0f} s."
        if new
        else f"All {len(done)} images are up to date."
    )


def _plan(use_cases, variant, flavour, prefix, base_image, ca_bundle):  # type: ignore[no-untyped-def]
    from tidelab.catalogue import load_catalogue
    from tidelab.containers.plan import Options, plan
    from tidelab.environments.machine import wanted_variant

    catalogue = load_catalogue()
    chosen = [catalogue[slug] for slug in use_cases or catalogue]
    only = tuple(
        one.resources.flavours[name].stacks
        for one in chosen
        for name in flavour or ()
        if name in one.resources.flavours
    )
    host = wanted_variant() if variant == "auto" else variant
    return plan(chosen, host, Options(prefix, base_image, ca_bundle), only=only)
