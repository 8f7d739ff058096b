"""The declaration of samples: the fields are those of a sample, an effort needs its fields, nothing has a default."""

from typing import get_args

import pytest

from tidelab.catalogue import ParameterError, UseCaseError, load_usecase
from tidelab.catalogue.samples import EFFORT_FIELDS, SampleFieldName, Samples
from tidelab.domain.sample import SAMPLE_FIELDS

PARAMETER = (
    "      volume_imaged_ml: {{type: number, default: {default}, minimum: 0, title: Volume, help: Imaged.}}\n"
)
SECTION = "samples: {fields: [volume_imaged_ml, dilution_factor], effort: volume}\n"


def declare(folder, section="", parameter=""):
    path = folder / "usecase.yaml"
    text = path.read_text().replace("  retrain: {file", f"{parameter}  retrain: {{file") + section
    path.write_text(text)
    return folder


def test_the_declaration_knows_the_fields_of_a_sample_and_no_other():
    assert get_args(SampleFieldName) == tuple(SAMPLE_FIELDS)
    assert {name for fields in EFFORT_FIELDS.values() for name in fields} <= set(SAMPLE_FIELDS)


def test_by_default_there_is_no_effort(folder):
    declared = load_usecase(folder).samples
    assert (declared.effort, declared.fields, declared.effort_fields, declared.measures_sizes) == (
        "none", ("time", "station"), (), False,
    )  # fmt: skip


@pytest.mark.parametrize(("section", "rule"), [
    ("samples: {fields: [time], effort: volume}\n", "effort is volume, so fields must name volume_imaged_ml and dilution_factor"),
    ("samples: {fields: [time, time]}\n", "fields names time twice"), ("samples: {fields: [salinity]}\n", "samples.fields"),
    ("samples: {effort: weight}\n", "samples.effort"), ("samples: {field: [time]}\n", "samples.field"),
])  # fmt: skip
def test_a_declaration_that_does_not_hold_is_refused_with_its_rule(folder, section, rule):
    with pytest.raises(UseCaseError) as caught:
        load_usecase(declare(folder, section))
    assert rule in str(caught.value)


def test_a_parameter_named_like_a_fact_must_be_asked_for_and_has_no_default(folder):
    text = (folder / "usecase.yaml").read_text()
    with pytest.raises(
        UseCaseError, match=r"asks for a fact of the sample that `samples\.fields` does not name"
    ):
        load_usecase(declare(folder, "", PARAMETER.format(default="null")))
    (folder / "usecase.yaml").write_text(text)
    with pytest.raises(UseCaseError, match="it must be null: what nobody gave is not known"):
        load_usecase(declare(folder, SECTION, PARAMETER.format(default="1.0")))


@pytest.mark.parametrize(
    ("given", "value"), [(None, None), ("", None), ("  ", None), ("0.5", 0.5), (2, 2.0), (0, 0.0)]
)
def test_a_number_that_may_be_unknown_takes_nothing_for_an_answer(folder, given, value):
    use_case = load_usecase(declare(folder, SECTION, PARAMETER.format(default="null")))
    assert use_case.validate_parameters("analyse")["volume_imaged_ml"] is None
    assert use_case.validate_parameters("analyse", {"volume_imaged_ml": given})["volume_imaged_ml"] == value


@pytest.mark.parametrize("given", ["much", -1, True, float("nan"), []])
def test_a_number_that_may_be_unknown_is_checked_all_the_same(folder, given):
    use_case = load_usecase(declare(folder, SECTION, PARAMETER.format(default="null")))
    with pytest.raises(ParameterError, match="volume_imaged_ml"):
        use_case.validate_parameters("analyse", {"volume_imaged_ml": given})


def test_a_text_may_be_unknown_too(folder):
    text = "      station: {type: string, default: null, title: Station, help: Where.}\n"
    use_case = load_usecase(declare(folder, "samples: {fields: [station]}\n", text))
    assert use_case.validate_parameters("analyse")["station"] is None
    assert use_case.validate_parameters("analyse", {"station": " S4"})["station"] == " S4"
    assert use_case.validate_parameters("analyse", {"station": ""})["station"] is None


def test_only_a_use_case_that_asks_for_the_pixel_size_measures_particles():
    assert Samples(fields=("um_per_px",)).measures_sizes
    assert not Samples(fields=("time",)).measures_sizes
