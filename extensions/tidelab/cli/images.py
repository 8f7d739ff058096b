"""Commands about container images: images build, list, plan, bake, weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tidelab.cli._output import say, table, warn

if TYPE_CHECKING:
    from tidelab.catalogue import UseCase
    from tidelab.containers.content import Item
    from tidelab.containers.plan import Build

app = typer.Typer(help="Container images of the use cases.", no_args_is_help=True)

UseCases = Annotated[
    list[str] | None, typer.Argument(metavar="USE_CASE...", help="Use cases; default: all of the catalogue.")
]
WhichVariant = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--variant", help="cpu, cuda, or auto: what this machine's GPU decides."),
]
Flavours = Annotated[
    list[str] | None, typer.Option("--flavour", help="Only the images of these sizes of server; repeat it.")
]
Prefix = Annotated[
    str, typer.Option("--prefix", help="What names begin with, a registry's address included.")
]
Base = Annotated[str, typer.Option("--base-image", help="The Debian 12 that all lies on.")]
Authorities = Annotated[
    Path | None,
    typer.Option("--ca-bundle", help="PEM certificates that the images shall trust, beside Debian's own."),
]
Weights = Annotated[
    bool,
    typer.Option("--weights", help="Put the published weights into the images too, fetched and verified."),
]


@app.command("build")
def build(
    use_cases: UseCases = None,
    variant: WhichVariant = "auto",
    flavour: Flavours = None,
    prefix: Prefix = "tidelab",
    base_image: Base = "debian:bookworm-slim",
    ca_bundle: Authorities = None,
    weights: Weights = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=16, help="Images built at a time.")] = 1,
    network: Annotated[
        str, typer.Option("--network", help="Network of the build: host, or the engine's `default`.")
    ] = "host",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Build everything again, e.g. for security updates of the base.")
    ] = False,
) -> None:
    """Build the images of use cases, each after what it lies on; what is up to date costs nothing."""
    from tidelab.containers.build import build_all

    builds = _plan(use_cases, variant, flavour, prefix, base_image, ca_bundle, weights)
    done = build_all(builds, say, network=network, fresh=fresh, jobs=jobs)
    new = [one for one in done if one.fresh]
    seconds = sum(one.seconds for one in new)
    say(
        f"{len(new)} of {len(done)} images built in {seconds:.0f} s."
        if new
        else f"All {len(done)} images are up to date."
    )


@app.command("list")
def list_images(
    use_cases: UseCases = None,
    variant: WhichVariant = "auto",
    flavour: Flavours = None,
    prefix: Prefix = "tidelab",
    base_image: Base = "debian:bookworm-slim",
    ca_bundle: Authorities = None,
    weights: Weights = False,
) -> None:
    """List the images: which are built and up to date, how large they are, how much of that is their own."""
    from tidelab.containers import engine
    from tidelab.containers.build import up_to_date
    from tidelab.containers.contexts import size_words

    engine.require_engine()
    rows = []
    for one in _plan(use_cases, variant, flavour, prefix, base_image, ca_bundle, weights):
        here, below = engine.inspect(one.image), engine.inspect(one.parent)
        if here is None:
            rows.append((one.image, "not built", "", "", one.title))
            continue
        state = "up to date" if up_to_date(one) else "out of date"
        own = size_words(engine.own_size(here, below)) if below else ""
        rows.append((one.image, state, size_words(here.size), own, one.title))
    table(("IMAGE", "STATE", "SIZE", "OF IT OWN", "WHAT"), rows)


@app.command("plan")
def plan_images(
    use_cases: UseCases = None,
    variant: WhichVariant = "auto",
    flavour: Flavours = None,
    prefix: Prefix = "tidelab",
    base_image: Base = "debian:bookworm-slim",
    ca_bundle: Authorities = None,
    weights: Weights = False,
) -> None:
    """Show what would be built, in order, and what each image lies on; needs no engine."""
    builds = _plan(use_cases, variant, flavour, prefix, base_image, ca_bundle, weights)
    table(
        ("IMAGE", "LIES ON", "CONTENT", "WHAT"),
        [(b.image, b.parent, b.content[:12], b.title) for b in builds],
    )


@app.command("bake")
def bake(
    folder: Annotated[Path, typer.Argument(help="Folder to write docker-bake.json and its contexts into.")],
    use_case: Annotated[
        list[str] | None, typer.Option("--use-case", help="Use cases; repeat it; default: all.")
    ] = None,
    variant: WhichVariant = "auto",
    flavour: Flavours = None,
    prefix: Prefix = "tidelab",
    base_image: Base = "debian:bookworm-slim",
    ca_bundle: Authorities = None,
    weights: Weights = False,
) -> None:
    """Write the same builds as a bake file: docker buildx bake -f FOLDER/docker-bake.json."""
    from tidelab.containers.bake import write_bake
    from tidelab.containers.registry import registry_items

    builds = _plan(use_case, variant, flavour, prefix, base_image, ca_bundle, weights)
    file = write_bake(builds, folder, registry_items())
    say(f"{file}: {len(builds)} images. Build them with: cd {folder} && docker buildx bake")
    warn(f"{folder} holds this machine's registry settings; do not pass it on.")


@app.command("weights")
def weights_(use_cases: UseCases = None) -> None:
    """Fetch and verify published weights into the shared data, which every server reads."""
    for use_case in _chosen(use_cases):
        for fetched in _fetch(use_case):
            say(f"{use_case.slug}: {fetched}")


def _plan(
    use_cases: list[str] | None,
    variant: str,
    flavour: list[str] | None,
    prefix: str,
    base_image: str,
    ca_bundle: Path | None,
    weights: bool,
) -> "list[Build]":
    from tidelab.containers.errors import ImageError
    from tidelab.containers.plan import Options, plan
    from tidelab.environments.machine import wanted_variant

    chosen = _chosen(use_cases)
    known = {name for use_case in chosen for name in use_case.resources.flavours}
    unknown = sorted(set(flavour or ()) - known)
    if unknown:
        raise ImageError(
            f"No size of server is called {', '.join(unknown)}; there are {', '.join(sorted(known))}."
        )
    found = {use_case.slug: _weight_items(use_case) for use_case in chosen} if weights else {}
    options = Options(prefix, base_image, ca_bundle)
    host = wanted_variant() if variant == "auto" else variant
    return plan(chosen, host, options, flavours=flavour or (), weights=found)


def _chosen(slugs: list[str] | None) -> "list[UseCase]":
    from tidelab.catalogue import load_catalogue

    catalogue = load_catalogue()
    for problem in catalogue.problems if not slugs else ():
        warn(f"Left out, for it cannot be read: {problem}")
    return [catalogue[slug] for slug in slugs or catalogue]


def _fetch(use_case: "UseCase") -> list[Path]:
    """Fetch what a use case publishes; returns the published files."""
    from tidelab.training.published import fetch, shared_weights

    say(f"{use_case.slug}: {len(use_case.model.published)} published models")
    return [fetch(model, shared_weights()).file for model in use_case.model.published]


def _weight_items(use_case: "UseCase") -> "list[Item]":
    from tidelab.containers.contexts import weights

    return list(weights(use_case.slug, _fetch(use_case)))
