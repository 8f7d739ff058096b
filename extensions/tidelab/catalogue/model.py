"""Where the model of a use case comes from."""

from typing import Literal

from pydantic import Field

from tidelab.catalogue._base import Doi, InsidePath, Line, Part, Sha256, Slug, Text, Url


class Demo(Part):
    """The demonstration model in the use case's folder."""

    folder: InsidePath = Field(
        title="Folder", description="Model bundle (model.onnx, card.json, reference.npz), e.g. `model/demo`."
    )


class Preprocessing(Part):
    """How the pixels become the input of published weights, as their authors did it."""

    size_px: int = Field(title="Size", description="Side of the square input, pixels.", ge=16, le=1024)
    crop: Literal["centre-square", "shorter-side", "pad-square"] = Field(
        "centre-square",
        title="Crop",
        description="centre-square cuts the longer side and resizes; shorter-side resizes first and then cuts; pad-square fills the shorter one.",
    )
    resample: Literal["bilinear", "bicubic", "lanczos", "area"] = Field(
        "bilinear", title="Resampling", description="Resampling filter."
    )
    mean: tuple[float, float, float] = Field(
        title="Mean", description="Subtracted per RGB channel, on the 0-255 scale."
    )
    scale: tuple[float, float, float] = Field(
        title="Scale", description="Divides per RGB channel after the mean is subtracted."
    )


class PublishedModel(Part):
    """Published weights that a person may fetch, check and convert in their own server."""

    name: Slug = Field(title="Name", description="Short name to choose it by.")
    title: Line = Field(title="Title", description="What it is, in words.")
    url: Url | None = Field(None, title="URL", description="Where the file is downloaded (https).")
    doi: Doi | None = Field(
        None, title="DOI", description="DOI of the repository record that holds the file."
    )
    file: Line = Field(title="File", description="Name of the weights file at that place.")
    member: Line | None = Field(
        None, title="Member", description="Path of the weights inside the file, where the file is an archive."
    )
    sha256: Sha256 | None = Field(
        None, title="SHA-256", description="sha256 of the file, pinned once it was fetched."
    )
    checksum: str | None = Field(
        None,
        title="Checksum",
        description="Until the sha256 is pinned: the repository's own checksum, `md5:<hex>`, or `from-repository`, which "
        "asks the record of the DOI for it at the first fetch.",
        pattern=r"^(md5:[0-9a-f]{32}|from-repository)$",
    )
    framework: Literal["keras", "onnx", "torch"] = Field(
        title="Framework", description="What wrote the weights."
    )
    architecture: Line | None = Field(
        None, title="Architecture", description="Name of the network, e.g. Xception."
    )
    size_mb: float | None = Field(
        None,
        title="Size",
        description="Size of the download, MB, said before it starts; leave out if unknown.",
        gt=0,
    )
    licence: Line = Field(title="Licence", description="Licence of the weights.")
    citation: Text = Field(title="Citation", description="How to cite the weights.")
    classes_file: Line | None = Field(
        None,
        title="Classes",
        description="File with one class name a line, in the order of the model's output.",
    )
    aphia_ids_file: Line | None = Field(
        None, title="AphiaIDs", description="File with one AphiaID (or text) a line, in the same order."
    )
    preprocessing: Preprocessing = Field(
        title="Preprocessing", description="How its authors turned pixels into its input."
    )


class Model(Part):
    """The registered model of a use case, its demonstration model and published weights."""

    registered_name: Slug = Field(
        title="Registered name",
        description="Name of the protected registered model, whose alias `champion` apps and reports use; the slug.",
    )
    demo: Demo | None = Field(
        None,
        title="Demonstration model",
        description="Used until a champion is promoted; says on every face that it is a demonstration model.",
    )
    published: tuple[PublishedModel, ...] = Field(
        (),
        title="Published models",
        description="Published weights that `retrain` can start from or compare with.",
    )
