"""The card of a model bundle (``card.json``): everything a prediction needs beside the ONNX file."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from tidelab.catalogue.task import LabelKind


class _Part(BaseModel):
    # A card comes from a person: a number that is none would stop every page that shows it.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class InputSpec(_Part):
    """How pixels become the model's input. Preprocessing is data: it travels with the model."""

    kind: Literal["image", "features", "image+features"] = Field(description="What the ONNX file takes")
    size_px: int = Field(96, ge=16, le=1024, description="Side of the square image input, pixels")
    crop: Literal["centre-square", "shorter-side", "pad-square"] = Field(
        "centre-square",
        description="centre-square cuts the longer side and resizes; shorter-side resizes first and then cuts (torchvision Resize + "
        "CenterCrop, ultralytics classify); pad-square fills the shorter one with `fill`",
    )
    fill: Annotated[int, Field(ge=0, le=255)] | Literal["border"] = Field(
        "border",
        description="What pad-square fills with: a grey value, or `border` for the median colour of the picture's edge",
    )
    resample: Literal["bilinear", "bicubic", "lanczos", "area"] = Field(
        "bilinear", description="Resampling filter"
    )
    mean: tuple[float, float, float] = Field(
        (127.5, 127.5, 127.5), description="Subtracted per RGB channel, 0-255 scale"
    )
    scale: tuple[float, float, float] = Field(
        (127.5, 127.5, 127.5), description="Divides per RGB channel after the mean"
    )
    features: str | None = Field(
        None, description="Feature extractor and version, e.g. tidelab.science.region_features:1"
    )


class DetectionSpec(_Part):
    """How a detector's input is made and its answers are read. Like all preprocessing it travels with the model."""

    size_px: int = Field(
        640, ge=64, le=2048, multiple_of=32, description="Longest side of the letterboxed input, pixels"
    )
    stored_from: float = Field(
        0.05, ge=0.001, le=0.5, description="Least score of an object that is kept at all"
    )
    iou: float = Field(
        0.7, gt=0, le=1, description="Of two boxes of one class that overlap more, the surer one stays (NMS)"
    )
    maximum: int = Field(300, ge=1, le=3000, description="Most objects of a picture")
    thresholds: dict[str, float] = Field(
        default_factory=dict,
        description="label -> score from which an object counts, chosen on validation images; a label that is not there: 0.25",
    )
    thresholds_method: str = Field("", description="How the thresholds were chosen, in words")


class Quality(_Part):
    """Measured on the frozen test set named by `data_digest`."""

    macro_f1: float | None = Field(None, ge=0, le=1)
    weighted_f1: float | None = Field(None, ge=0, le=1)
    accuracy: float | None = Field(None, ge=0, le=1)
    expected_calibration_error: float | None = Field(None, ge=0, le=1)
    brier_score: float | None = Field(None, ge=0, le=2, description="Mean squared error of all probabilities")
    negative_log_likelihood: float | None = Field(None, ge=0, description="Mean of -ln p(true class)")
    per_class: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="label -> precision, recall, f1, support (test images)"
    )
    n_test: int = Field(0, ge=0, description="Test images")
    n_samples: int = Field(0, ge=0, description="Water samples the test images come from; 0: not known")
    sample_accuracy: float | None = Field(
        None, ge=0, le=1, description="Mean over the samples of the share named rightly"
    )
    map50: float | None = Field(
        None, ge=0, le=1, description="Detector: mean AP at IoU 0.5, as pycocotools computes it"
    )
    map50_95: float | None = Field(None, ge=0, le=1, description="Detector: mean AP over IoU 0.50:0.05:0.95")
    sample_count_error: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Mean over the samples of the Bray-Curtis distance of counts to the truth",
    )
    method: str = Field("", description="How it was measured, in words (split, repeats, grouping)")

    @property
    def headline(self) -> tuple[str, float] | None:
        """Name and value of the one figure a model is known by: mAP50-95 of a detector, else macro F1; None where it was not measured."""
        if self.map50_95 is not None:
            return "mAP50-95", self.map50_95
        return None if self.macro_f1 is None else ("macro F1", self.macro_f1)


class ModelCard(_Part):
    """Card of one model bundle."""

    schema_version: Literal[1] = 1
    name: str = Field(description="Registered model name, or the use case's slug for a demo model")
    title: str = Field(description="What it is, for people")
    use_case: str = Field(description="Slug of the use case it was made for")
    detection: DetectionSpec | None = Field(
        None, description="Detectors only; `input` then says nothing but the kind"
    )
    labels: tuple[str, ...] = Field(min_length=1, description="Class names in the order of `probabilities`")
    input: InputSpec
    temperature: float = Field(
        1.0, gt=0, description="probabilities = softmax(log(p) / temperature), fitted on validation images"
    )
    calibration: str = Field("", description="How the temperature was found, in words")
    started_from: str = Field(
        "", description="Digest of the bundle whose weights the training started from; empty: from scratch"
    )
    aphia_ids: dict[str, int] = Field(
        default_factory=dict,
        description="label -> AphiaID, for published models with classes the use case does not declare",
    )
    label_kinds: dict[str, LabelKind] = Field(
        default_factory=dict,
        description="label -> kind, for classes the use case does not declare; without it they are of unknown kind and stay out "
        "of biological totals",
    )
    embedding_dim: int = Field(gt=0)
    framework: str = Field(description="What it was trained with, e.g. keras 3.15.1, scikit-learn 1.9")
    demo: bool = Field(
        False, description="A demonstration model: trained on generated images, never for science"
    )
    quality: Quality = Field(default_factory=Quality)
    data_digest: str = Field(
        "", description="sha256 over the training, validation and test files and their split"
    )
    data_summary: str = Field("", description="What it was trained on, in words")
    seed: int | None = None
    created: str = Field(description="ISO 8601 UTC")
    created_by: str = Field("", description="Person id")
    licence: str = ""
    citation: str = ""
    source: str = Field("", description="DOI or URL of published weights, with their sha256")
    files: dict[str, str] = Field(default_factory=dict, description="file name in the bundle -> sha256 hex")

    @field_validator("labels")
    @classmethod
    def _enough(cls, labels: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        # A detector may look for one kind of thing; a classifier of one class answers nothing.
        if len(labels) < 2 and info.data.get("detection") is None:
            raise ValueError("a classifier needs at least two labels")
        return labels
