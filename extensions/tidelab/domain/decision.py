"""What a comparison with the champion says: the figures, and whether they recommend a promotion.

Made by the retrain notebook, sent with the request for promotion, shown to the maintainer who decides. It comes from a person: every
field is bounded, and whoever reads it escapes it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Words = Annotated[str, Field(max_length=2000)]
Name = Annotated[str, Field(max_length=300)]
Unit = Annotated[float, Field(ge=-1, le=1)]
GroupState = Literal["kept", "worse", "open", "not testable"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Measured(_Part):
    """One measure of both models on the same images, and the difference with its 95 % interval."""

    measure: Name
    challenger: Unit
    champion: Unit
    difference: Unit
    low: float
    high: float


class GroupDecision(_Part):
    """One class or site."""

    name: Name
    kind: Literal["class", "site"]
    n_images: int = Field(ge=0)
    n_samples: int = Field(0, ge=0, description="0: not known")
    measures: tuple[Measured, ...] = Field((), max_length=3)
    state: GroupState
    collapsed: bool = Field(False, description="The champion found it, the challenger does not")


class Decision(_Part):
    """Whether a challenger is recommended as champion, with reasons in words."""

    schema_version: Literal[1] = 1
    recommended: bool
    reasons: tuple[Words, ...] = Field(min_length=1, max_length=100)
    cautions: tuple[Words, ...] = Field((), max_length=100)
    challenger: Name = Field(description="Digest of the ONNX file of the challenger: sha256 hex")
    champion: Name = Field(
        "", description="Digest of the ONNX file of the model it was compared with; empty: none"
    )
    champion_words: Words = ""
    primary: Measured | None = Field(
        None, description="Macro F1 over the classes both know; None: no comparison"
    )
    compared: tuple[Name, ...] = Field(
        (), max_length=1000, description="Classes that enter the primary measure"
    )
    p_value: float | None = Field(
        None, ge=0, le=1, description='One-sided, of "the challenger is not better"'
    )
    level: float | None = Field(None, gt=0, lt=1, description="Level it had to stay below at this look")
    only_challenger: int = Field(0, ge=0, description="Images only the challenger names rightly")
    only_champion: int = Field(0, ge=0)
    margin: float = Field(0.05, ge=0, le=1, description="Accepted loss in a class or at a site")
    groups: tuple[GroupDecision, ...] = Field((), max_length=2000)
    n_images: int = Field(0, ge=0, description="Test images compared")
    n_samples: int = Field(0, ge=0, description="Samples they come from; 0: not known")
    left_out: int = Field(0, ge=0, description="Test images left out: one of the two had learned from them")
    test_set: Name = Field("", description="Digest of the test images")
    look: int = Field(1, ge=1, description="Which look at these test images this is")
