"""From the catalogue to a list of builds, each after what it lies on. Reads files, starts nothing.

The chain: ``foundation`` - ``environments:lab`` - ``environments:<stack>...`` (one stack more each) - ``stack:<stacks>`` (the
project's code) - ``<use case>:<stacks>``. All use cases with the same stacks share everything but the last few megabytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tidelab import paths
from tidelab.catalogue.resources import Flavour
from tidelab.catalogue.usecase import UseCase
from tidelab.containers import contexts, names, requirements
from tidelab.containers.content import Item, content_digest, folder_items
from tidelab.containers.errors import ImageError
from tidelab.containers.names import Variant
from tidelab.environments import Environment, load_environments
from tidelab.environments.state import project_digest

BASE_IMAGE: Final = "debian:bookworm-slim"
RESERVED: Final = frozenset({"foundation", "environments", "stack", "project"})
_LAB: Final = "lab"


@dataclass(frozen=True)
class Build:
    """One image to build.

    Parameters
    ----------
    image
        Its name.
    title
        What it is, in words.
    parent
        Name of the image it lies on.
    arguments
        Build arguments; they stay in the image's history, so nothing secret is among them.
    labels
        Labels, `names.CONTENT` included.
    items
        The build context.
    needs_registry
        Whether packages are fetched while it is built.
    """

    image: str
    title: str
    parent: str
    arguments: Mapping[str, str]
    labels: Mapping[str, str]
    items: tuple[Item, ...] = field(repr=False)
    needs_registry: bool = False

    @property
    def staged(self) -> bool:
        """Whether something is done in a stage that is thrown away."""
        return any(item.name.startswith("host/") for item in self.items)

    @property
    def content(self) -> str:
        """Digest of what it is made from, parents included."""
        return self.labels[names.CONTENT]


@dataclass(frozen=True)
class Options:
    """How the images are named and what they start from."""

    prefix: str = "tidelab"
    base_image: str = BASE_IMAGE
    ca_bundle: Path | None = None


def image_variants(flavour: Flavour, host: str) -> tuple[Variant, ...]:
    """Return the builds of its stacks that a size of server needs.

    CUDA where it leases a GPU and the host has any; CPU as well, for a server whose card was given back goes on without one.
    """
    return ("cuda", "cpu") if host == "cuda" and flavour.gpu is not None else ("cpu",)


def wanted(
    use_cases: Iterable[UseCase], host: str, flavours: Sequence[str] = ()
) -> list[tuple[UseCase, tuple[str, ...], Variant]]:
    """Return every different image of some use cases: (use case, stacks, variant), in the order of their flavours.

    ``flavours`` names the sizes of server that images are wanted for; empty: all.
    """
    found = {
        (use_case.slug, flavour.stacks, variant): use_case
        for use_case in use_cases
        for name, flavour in use_case.resources.flavours.items()
        if not flavours or name in flavours
        for variant in image_variants(flavour, host)
    }
    return [(use_case, stacks, variant) for (_, stacks, variant), use_case in found.items()]


def plan(
    use_cases: Iterable[UseCase],
    host: str = "cpu",
    options: Options | None = None,
    flavours: Sequence[str] = (),
    weights: Mapping[str, Sequence[Item]] | None = None,
) -> list[Build]:
    """Return the builds that some use cases need, each once, parents first.

    Parameters
    ----------
    use_cases
        The use cases.
    host
        ``cpu`` or ``cuda``: what the machine has that the images run on.
    options
        Names and base image.
    flavours
        Sizes of server that images are wanted for; empty: all.
    weights
        Slug -> files of published weights that go into its image.

    Raises
    ------
    ImageError
        A slug that is the name of one of our own images, a stack that is not declared or has no lock, a broken requirements.txt.
    """
    made = _Chain(options or Options())
    for use_case, stacks, variant in wanted(use_cases, host, flavours):
        made.use_case(use_case, stacks, variant, (weights or {}).get(use_case.slug, ()))
    return list(made.builds.values())


class _Chain:
    """Makes each build once, after its parent."""

    def __init__(self, options: Options) -> None:
        self.builds: dict[str, Build] = {}
        self._options = options
        self._known = load_environments()
        self._images = paths.checkout() / "images"

    def foundation(self) -> Build:
        folder = self._images / "foundation"
        items = [*folder_items(folder, ""), *contexts.authorities(self._options.ca_bundle)]
        return self._add(
            names.foundation_image(self._options.prefix), "Python and the base system", None, items, {}, {}
        )

    def environment(self, chain: tuple[str, ...], variant: Variant) -> Build:
        """Return the image with ``lab`` and some stacks; `chain` may be empty."""
        name = chain[-1] if chain else _LAB
        environment = self._environment(name)
        own: Variant = "cuda" if variant == "cuda" and "cuda" in environment.variants else "cpu"
        parent = self.environment(chain[:-1], variant) if chain else self.foundation()
        tag = names.stack_tag(chain, self._variant(chain, variant)) if chain else _LAB
        items = [
            *contexts.installer(environment, own),
            *contexts.scripts(self._images / "stack"),
            *contexts.wheels(environment, own),
        ]
        title = f"{environment.title} ({environment.purpose})"
        arguments = {"ENVIRONMENT": name, "VARIANT": own}
        image = names.environments_image(tag, self._options.prefix)
        # Of pyproject.toml, what an installation copies.
        labels = {"org.tidelab.project": project_digest()}
        return self._add(image, title, parent, items, arguments, labels, needs_registry=True)

    def stack(self, stacks: tuple[str, ...], variant: Variant) -> Build:
        parent = self.environment(stacks, variant)
        labels = {names.STACKS: ",".join(stacks), names.VARIANT: variant}
        image = names.stack_image(stacks, variant, self._options.prefix)
        environments = [self._environment(name) for name in (_LAB, *stacks)]
        search = ":".join(f"/opt/tidelab-envs/{name}/bin" for name in (*stacks, _LAB))
        arguments = {"SEARCH_PATH": search, "STACKS": " ".join(stacks)}
        items = [*contexts.project(environments, variant), *contexts.scripts(self._images / "project", "lib")]
        items.append(Item("etc/profile.d/tidelab.sh", text=f'PATH="{search}:$PATH"\n'))
        return self._add(image, "the project's own code", parent, items, arguments, labels)

    def use_case(
        self, use_case: UseCase, stacks: tuple[str, ...], variant: Variant, weights: Sequence[Item]
    ) -> Build:
        if use_case.slug in RESERVED:
            raise ImageError(
                f"{use_case.folder}: the slug {use_case.slug!r} is the name of an image that all use cases lie on. Rename the use case."
            )
        parent = self.stack(stacks, variant)
        labels = {names.USE_CASE: use_case.slug, names.STACKS: ",".join(stacks), names.VARIANT: variant}
        own = self._requirements(use_case, stacks, variant)
        items = [
            *folder_items(use_case.folder, f"usecase/{use_case.slug}"),
            *weights,
            *contexts.scripts(self._images / "usecase"),
            *([Item("host/requirements.txt", text=own)] if own else []),
        ]
        arguments = {"SLUG": use_case.slug, "STACKS": " ".join(stacks)}
        image = names.use_case_image(use_case.slug, stacks, variant, self._options.prefix)
        title, fetches = use_case.title, bool(own)
        return self._add(image, title, parent, items, arguments, labels, needs_registry=fetches)

    def _requirements(self, use_case: UseCase, stacks: tuple[str, ...], variant: Variant) -> str:
        file = use_case.folder / requirements.FILE
        if not file.exists():
            return ""
        held = {name: contexts.pins_of(self._environment(name), variant) for name in stacks}
        return requirements.own_requirements(file, held)

    def _variant(self, chain: tuple[str, ...], variant: Variant) -> Variant:
        """Return ``cuda`` only where one of the stacks has such a build, so that chains without one are shared."""
        differs = any("cuda" in self._environment(name).variants for name in chain)
        return variant if differs else "cpu"

    def _environment(self, name: str) -> Environment:
        try:
            return self._known[name]
        except KeyError:
            raise ImageError(
                f"There is no environment {name!r} in {self._images}; there are {', '.join(sorted(self._known))}."
            ) from None

    def _add(
        self,
        image: str,
        title: str,
        parent: Build | None,
        items: Iterable[Item],
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        *,
        needs_registry: bool = False,
    ) -> Build:
        if image in self.builds:
            return self.builds[image]
        kept = tuple(items)
        below = parent.image if parent else self._options.base_image
        all_arguments = {("PARENT" if parent else "BASE_IMAGE"): below, **arguments}
        origin = {"parent": parent.content} if parent else {}
        content = content_digest(kept, {**origin, **all_arguments, **labels})
        everything = {**labels, names.CONTENT: content, "org.opencontainers.image.title": f"Tidelab: {title}"}
        build = Build(image, title, below, all_arguments, everything, kept, needs_registry)
        self.builds[image] = build
        return build
