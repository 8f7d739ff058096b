"""The whole declaration of a use case (``usecase.yaml``), and the rules that join its parts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from tidelab.catalogue._base import Identifier, InsidePath, Line, Part, Slug, Text
from tidelab.catalogue._rules import broken_rules
from tidelab.catalogue.errors import CatalogueError, did_you_mean
from tidelab.catalogue.estimation import Estimation
from tidelab.catalogue.model import Model
from tidelab.catalogue.notebooks import Notebook
from tidelab.catalogue.people import Citation, Person
from tidelab.catalogue.policy import DataPolicy
from tidelab.catalogue.resources import Resources, Stacks
from tidelab.catalogue.samples import Samples
from tidelab.catalogue.settings import Annotation, App, Drift, Product, Sample
from tidelab.catalogue.task import Label, Task


class UseCase(Part):
    """One use case: everything the hub, the apps, the reports and the documentation derive from its folder."""

    schema_version: Literal[1] = Field(title="Schema version", description="Version of this format: 1.")
    slug: Slug = Field(
        title="Slug",
        description="Short name, the same as the folder's: 3 to 30 lower-case letters, digits and single hyphens, a letter "
        "first. Addresses, runs and the registered model carry it.",
    )
    title: Line = Field(
        title="Title", description="Title on the card, the app and the report.", max_length=80
    )
    summary: Line = Field(title="Summary", description="One sentence on the card: what it does.")
    description: Text = Field(
        title="Description", description="A paragraph for someone who has never seen it."
    )
    keywords: tuple[Line, ...] = Field((), title="Keywords", description="Words to find it by.")
    picture: InsidePath | None = Field(
        None,
        title="Picture",
        description="PNG or JPEG for the card, in the folder.",
        pattern=r"\.(png|jpe?g)$",
    )
    people: tuple[Person, ...] = Field(
        title="People", description="Who is behind it, at least one.", min_length=1
    )
    citation: Citation = Field(title="Citation", description="What to cite when results are published.")
    licence: Line = Field(
        title="Licence", description="Licence of the use case's own files, SPDX where there is one."
    )
    data_policy: DataPolicy = Field(
        default_factory=DataPolicy,
        title="Data policy",
        description="What happens to people's images and results.",
    )
    maintainers_group: str = Field(
        title="Maintainers' group",
        description="Hub group whose members may promote a model: `maintainers-<slug>`.",
        pattern=r"^maintainers-[a-z0-9-]+$",
    )
    stacks: Stacks = Field(title="Stacks", description="The environments it runs in.")
    resources: Resources = Field(title="Resources", description="The sizes of server a person may choose.")
    task: Task = Field(title="Task", description="What is asked of one image.")
    labels: tuple[Label, ...] = Field(
        title="Labels", description="The classes: at least two, of a detector at least one.", min_length=1
    )
    model: Model = Field(title="Model", description="Where its model comes from.")
    notebooks: dict[Identifier, Notebook] = Field(
        title="Notebooks", description="Name -> notebook; `analyse` must be there.", min_length=1
    )
    drift: Drift = Field(
        default_factory=Drift, title="Drift", description="How the fitness verdict is reached."
    )
    estimation: Estimation = Field(
        default_factory=Estimation,
        title="Estimation",
        description="How counts are corrected for what the model confuses, and when they are not.",
    )
    products: tuple[Product, ...] = Field((), title="Products", description="Files that every run gives.")
    annotation: Annotation | None = Field(None, title="Annotation", description="How images are annotated.")
    app: App | None = Field(
        None,
        title="App",
        description="Texts and limits of the app; needed when a notebook has the face `app`.",
    )
    samples: Samples = Field(
        default_factory=Samples,
        title="Samples",
        description="Which facts about a sample matter here, and what its effort is.",
    )
    sample: Sample = Field(title="Sample", description="Images to try it with.")
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _joined(self) -> Self:
        problems = broken_rules(self)
        if problems:
            raise JoinedRulesError(problems)
        return self

    @property
    def folder(self) -> Path:
        """Absolute path of the use case's folder."""
        return self._folder

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes in the declared order (a model's own order stands in its card)."""
        return tuple(label.name for label in self.labels)

    @property
    def source_folder(self) -> Path:
        """Folder of the use case's own Python module; it need not exist."""
        return self._folder / "src"

    @property
    def sample_folder(self) -> Path:
        """Folder of the sample images."""
        return self._folder / self.sample.folder

    @property
    def demo_folder(self) -> Path | None:
        """Folder of the demonstration model's bundle, if it has one."""
        return self._folder / self.model.demo.folder if self.model.demo else None

    @property
    def picture_path(self) -> Path | None:
        """Path of the card's picture, if it has one."""
        return self._folder / self.picture if self.picture else None

    def faces(self, face: str) -> tuple[str, ...]:
        """Return the names of the notebooks that have a face (``lab``, ``app`` or ``report``)."""
        return tuple(name for name, notebook in self.notebooks.items() if face in notebook.faces)

    def label(self, name: str) -> Label | None:
        """Return the declaration of one class, or None for a class the use case does not declare."""
        return next((label for label in self.labels if label.name == name), None)

    def notebook(self, name: str) -> Notebook:
        """Return one notebook; an unknown name raises CatalogueError naming the known ones."""
        try:
            return self.notebooks[name]
        except KeyError:
            hint = f"{did_you_mean(name, self.notebooks)}Its notebooks: {', '.join(self.notebooks)}."
            raise CatalogueError(f"{self.slug} has no notebook '{name}'. {hint}") from None

    def validate_parameters(self, notebook: str, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return all parameters of a notebook, checked and in its order, with defaults filled in.

        Parameters
        ----------
        notebook
            Name of the notebook, e.g. ``analyse``.
        values
            Given values; text is converted (``"0.5"`` from a command line, ``True`` from a form).

        Raises
        ------
        ParameterError
            A name is unknown or a value breaks its rule; the text names parameter, value and rule.
        """
        return self.notebook(notebook).validate_parameters(f"{self.slug}/{notebook}", dict(values or {}))

    def placed_in(self, folder: Path) -> "UseCase":
        """Tell the declaration and its notebooks which folder they stand for, and return it."""
        self._folder = folder
        for notebook in self.notebooks.values():
            notebook._folder = folder
        return self


class JoinedRulesError(ValueError):
    """Rules that join several fields are broken: (path of the field, value, rule) each."""

    def __init__(self, problems: list[tuple[tuple[str | int, ...], str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(rule for _, rule in problems))
