"""What the model does with an image, and the classes it knows."""

import datetime
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from tidelab.catalogue._base import Line, Part, Text

LabelName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s./\\;:<>\x00-\x1f][^/\\;<>\x00-\x1f]*$"),
]
"""A class is also a folder of training images and a part of ``top5`` (``label:score;...``)."""

LabelKind = Literal["taxon", "life-stage", "morphotype", "non-living", "artefact"]
BIOLOGICAL: Final = ("taxon", "life-stage", "morphotype")
NOT_LIVING: Final = ("non-living", "artefact")
NO_OBJECT: Final = "no object"
"""The name that a person gives a box of a detector in which there is nothing; no class may be called so."""


_MEMBER: Final = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
Member = Annotated[str, StringConstraints(pattern=_MEMBER)]
"""``package.module:name``, of the toolkit or of the use case's own ``src/`` folder."""


CLASSIFIER: Final = "tidelab.models.classifier:ImageClassifier"
DETECTOR: Final = "tidelab.models.detector:ObjectDetector"


class Task(Part):
    """What is asked of one image."""

    kind: Literal["image-classification", "object-detection"] = Field(
        title="Kind",
        description="image-classification: one class per image; object-detection: objects in each picture, with box, class and score.",
    )
    reader: Member | None = Field(
        None,
        title="Reader",
        description="Function that takes what it knows out of the input before it is read as plain pictures (a project folder of "
        "an instrument, scans with many objects), `package.module:function`.",
    )
    measures: tuple[Member, ...] = Field(
        (),
        title="Measures",
        description="Functions that measure each image; their numbers stand in statistics.csv and are kept with the prediction.",
    )
    products: tuple[Member, ...] = Field(
        (),
        title="Products",
        description="Functions that make files of a finished analysis, in the folder `products/` of the run.",
    )
    predictor: Member = Field(
        default_factory=lambda before: DETECTOR if before.get("kind") == "object-detection" else CLASSIFIER,
        title="Predictor",
        description="Class that turns images into predictions, `package.module:Class`; either of the toolkit or of the use case's own "
        f"`src/` folder. By default `{CLASSIFIER}`, of object-detection `{DETECTOR}`.",
    )

    @property
    def finds_objects(self) -> bool:
        """Whether the model looks for objects in each picture, instead of naming the picture."""
        return self.kind == "object-detection"

    @property
    def hooks(self) -> dict[str, str]:
        """Field -> member of every hook that is declared, the predictor included; as a person finds it in the declaration."""
        found = {"task.predictor": self.predictor}
        if self.reader:
            found["task.reader"] = self.reader
        for name, members in (("measures", self.measures), ("products", self.products)):
            found |= {f"task.{name}[{index}]": member for index, member in enumerate(members)}
        return found


class Label(Part):
    """One class of the task."""

    name: LabelName = Field(
        title="Name",
        description="Name of the class in results and of its folder of training images; without / \\ ; < >, because "
        "of the folder and of the `top5` column (write Egg+Cyst, and put Egg/Cyst in the title).",
    )
    title: Line | None = Field(
        None, title="Title", description="What people read, where it differs from the name."
    )
    kind: LabelKind = Field(
        title="Kind",
        description="taxon: a taxon; life-stage: of a taxon (nauplii, cysts); morphotype: a shape that is no taxon "
        "(long chained diatom); non-living: detritus, fibres; artefact: of the instrument (bubbles).",
    )
    rank: Line | None = Field(
        None, title="Rank", description="Taxonomic rank as WoRMS writes it, e.g. Genus."
    )
    life_stage: Line | None = Field(
        None, title="Life stage", description="Life stage, e.g. nauplius, cyst, egg (Darwin Core lifeStage)."
    )
    scientific_name: Line | None = Field(
        None,
        title="Scientific name",
        description="Name of the taxon as WoRMS writes it, where the class is called otherwise (Egg+Cyst, long chained diatom); "
        "occurrences carry it.",
    )
    aphia_id: int | None = Field(
        None,
        title="AphiaID",
        description="Identifier in the World Register of Marine Species; leave out what is not mapped.",
        gt=0,
        le=99_999_999,
    )
    aphia_checked: datetime.date | None = Field(
        None, title="AphiaID checked", description="Day on which a person compared the AphiaID with WoRMS."
    )
    description: Text | None = Field(
        None, title="Description", description="What belongs to this class and what does not."
    )

    @property
    def is_biological(self) -> bool:
        """Whether it counts in biological totals and may become an occurrence."""
        return self.kind in BIOLOGICAL

    @property
    def taxon_name(self) -> str:
        """The scientific name: as declared, else the class's own where the class is a taxon, else empty."""
        return self.scientific_name or (self.name if self.kind == "taxon" else "")

    @property
    def shown(self) -> str:
        """The title, or the name where there is none."""
        return self.title or self.name
