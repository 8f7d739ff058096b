"""What the hub derives from a use case's declaration: its card, its server choices, its app's address.

Pure functions of a `UseCase`: the home page, the spawner and the tests read the same answer.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tidelab.catalogue import UseCase
from tidelab.catalogue.resources import Gpu

APPS_PREFIX = "services/apps"


class ProfileError(ValueError):
    """Options of a server that the catalogue does not offer; the text says what it does offer."""


@dataclass(frozen=True)
class Choice:
    """One size of server, in words for the person who chooses."""

    name: str
    title: str
    detail: str
    cpu: float
    memory_gb: float
    gpu: Gpu | None
    stacks: tuple[str, ...]
    is_default: bool
    groups: tuple[str, ...] = ()
    idle_minutes: float | None = None
    max_hours: float | None = None

    def is_for(self, groups: Collection[str]) -> bool:
        """Tell whether a member of these hub groups may choose it; one without groups is for everyone."""
        return not self.groups or any(group in groups for group in self.groups)


@dataclass(frozen=True)
class Profile:
    """One use case as the hub shows and starts it."""

    slug: str
    title: str
    summary: str
    description: str
    keywords: tuple[str, ...]
    inputs: str
    outputs: str
    button: str
    app_path: str | None
    first_notebook: str
    choices: tuple[Choice, ...]
    has_picture: bool

    @property
    def search_text(self) -> str:
        """Everything the search box looks in, in small letters."""
        return " ".join((self.slug, self.title, self.summary, *self.keywords)).lower()

    def choice(self, name: str | None = None) -> Choice:
        """Return one size of server, the default one without a name.

        Raises
        ------
        ProfileError
            There is no such size.
        """
        for choice in self.choices:
            if choice.name == name or (name is None and choice.is_default):
                return choice
        known = ", ".join(choice.name for choice in self.choices)
        raise ProfileError(f"{self.title} has no server size {str(name)[:40]!r}. It offers: {known}.")

    def choices_for(self, groups: Collection[str]) -> tuple[Choice, ...]:
        """Return the sizes that a member of these hub groups may choose."""
        return tuple(choice for choice in self.choices if choice.is_for(groups))

    def cpu_choice(self, groups: Collection[str]) -> Choice | None:
        """Return what can be started while no GPU is free: the default size if it needs none, else the first that needs none."""
        without = [choice for choice in self.choices_for(groups) if choice.gpu is None]
        return next((choice for choice in without if choice.is_default), without[0] if without else None)


def profile(use_case: UseCase) -> Profile:
    """Return the profile of one use case."""
    app = use_case.app
    return Profile(
        slug=use_case.slug,
        title=use_case.title,
        summary=use_case.summary,
        description=use_case.description,
        keywords=tuple(use_case.keywords),
        inputs=app.inputs if app else "",
        outputs=app.outputs if app else "",
        button=app.button if app else "Analyse",
        app_path=f"{APPS_PREFIX}/{use_case.slug}/" if use_case.faces("app") else None,
        first_notebook=use_case.notebooks["analyse"].file,
        choices=_choices(use_case),
        has_picture=use_case.picture_path is not None and use_case.picture_path.is_file(),
    )


def choose(
    catalogue: Mapping[str, UseCase],
    slug: str,
    options: Mapping[str, Any],
    groups: Collection[str] | None = None,
) -> tuple[UseCase, Choice]:
    """Return the use case and size of server for a server's name and the person's options.

    Parameters
    ----------
    catalogue
        Slug -> use case.
    slug
        The server's name: a server is the server of one use case.
    options
        What came from the form, an address or the REST API: user input. ``use_case`` (if given, equal to the name) and
        ``resources`` are the only keys.
    groups
        Hub groups of the person; None asks nothing about groups (for those that start nothing).

    Raises
    ------
    ProfileError
        The catalogue does not offer this; the text is a sentence for the person.
    """
    if not slug:
        raise ProfileError(
            "A server belongs to one use case. Open the home page and choose Open in Lab on a card."
        )
    if unknown := sorted(str(key)[:40] for key in options if key not in ("use_case", "resources")):
        raise ProfileError(f"A server takes the options use_case and resources, not {', '.join(unknown)}.")
    named, resources = (_one(options, key) for key in ("use_case", "resources"))
    if named not in (None, slug):
        raise ProfileError(
            f"The server {slug!r} belongs to the use case {slug!r}, not to {str(named)[:40]!r}."
        )
    if slug not in catalogue:
        known = ", ".join(catalogue) or "none"
        raise ProfileError(f"There is no use case {slug[:40]!r}. Known use cases: {known}.")
    use_case = catalogue[slug]
    made = profile(use_case)
    chosen = made.choice(resources)
    if groups is None or chosen.is_for(groups):
        return use_case, chosen
    if resources is None and (instead := made.cpu_choice(groups)):
        return use_case, instead  # nobody asked for what the default is
    raise ProfileError(_not_for_them(made, chosen, groups))


def _not_for_them(made: Profile, chosen: Choice, groups: Collection[str]) -> str:
    wanted = " or ".join(chosen.groups)
    offered = ", ".join(choice.title for choice in made.choices_for(groups))
    instead = f"For you there is: {offered}." if offered else "No size of it is open to everyone."
    return (
        f"{chosen.title!r} of {made.title} is for members of the group {wanted}, and you are in none of them. {instead} "
        "Ask an admin to add you to the group."
    )


def _one(options: Mapping[str, Any], key: str) -> str | None:
    value = options.get(key)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # forms and addresses give lists
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ProfileError(f"The option {key} must be one word, not {str(value)[:40]!r}.")
    return value


def _choices(use_case: UseCase) -> tuple[Choice, ...]:
    resources = use_case.resources
    return tuple(
        Choice(
            name=name,
            title=flavour.title,
            detail=_detail(flavour.cpu, flavour.memory_gb, flavour.gpu),
            cpu=flavour.cpu,
            memory_gb=flavour.memory_gb,
            gpu=flavour.gpu,
            stacks=tuple(flavour.stacks),
            is_default=name == resources.default,
            groups=flavour.groups,
            idle_minutes=flavour.idle_minutes,
            max_hours=flavour.max_hours,
        )
        for name, flavour in resources.flavours.items()
    )


def _detail(cpu: float, memory_gb: float, gpu: Gpu | None) -> str:
    parts = [f"{cpu:g} core{'' if cpu == 1 else 's'}", f"{memory_gb:g} GB memory"]
    if gpu:
        parts.append(gpu.words)
    return ", ".join(parts)
