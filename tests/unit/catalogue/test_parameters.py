"""Values given for a notebook's parameters: defaults, conversion, and the sentence when one does not fit."""

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidelab.catalogue import CatalogueError, ParameterError, load_usecase


@pytest.fixture
def validate(folder):
    use_case = load_usecase(folder)
    return lambda **values: use_case.validate_parameters("analyse", values)


def test_defaults_are_filled_in_the_declared_order(validate):
    assert list(validate(top=3).items()) == [
        ("images", "sample"), ("threshold", 0.5), ("top", 3), ("note", ""), ("quick", True), ("view", "table"),
    ]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), [
    ({"threshold": "0.25"}, 0.25), ({"threshold": 1}, 1.0), ({"threshold": " 1e-1 "}, 0.1), ({"threshold": 0}, 0.0),
    ({"top": "7"}, 7), ({"top": 7.0}, 7), ({"top": " +7 "}, 7),
    ({"quick": "no"}, False), ({"quick": "True"}, True), ({"quick": "0"}, False), ({"quick": False}, False),
    ({"view": "plot"}, "plot"), ({"note": "hello"}, "hello"),
    ({"images": Path("/data/x")}, "/data/x"), ({"images": ["a.png", Path("b.png")]}, ["a.png", "b.png"]),
])  # fmt: skip
def test_values_are_converted(validate, given, expected):
    (name,) = given
    value = validate(**given)[name]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("given", "rule"), [
    ({"threshold": 1.5}, "Parameter 'threshold' of demo-case/analyse is 1.5; it must be at most 1.0."),
    ({"threshold": -0.1}, "it must be at least 0.0."),
    ({"threshold": "0,5"}, "is '0,5'; it must be a number (with a decimal point, not a comma)."),
    ({"threshold": math.nan}, "is nan; it must be a number"), ({"threshold": math.inf}, "is inf; it must be a number"),
    ({"threshold": True}, "is True; it must be a number"), ({"threshold": None}, "is None; it must be a number"),
    ({"threshold": 10**400}, "it must be a number"), ({"threshold": []}, "is []; it must be a number"),
    ({"top": 2.5}, "is 2.5; it must be a whole number."), ({"top": "many"}, "is 'many'; it must be a whole number."),
    ({"top": 11}, "it must be at most 10."), ({"top": True}, "it must be a whole number."), ({"top": "9" * 5000}, "whole number"),
    ({"quick": "maybe"}, "is 'maybe'; it must be true or false."), ({"quick": 1}, "is 1; it must be true or false."),
    ({"view": "map"}, "is 'map'; it must be one of: table, plot."), ({"view": None}, "one of: table, plot."),
    ({"note": "x" * 11}, "it must have at most 10 characters."), ({"note": "a\0b"}, "it must be text."), ({"note": 5}, "must be text."),
    ({"images": ""}, "it must be the path of"), ({"images": "a\0b"}, "it must be the path of"), ({"images": 3}, "must be the path of"),
    ({"images": []}, "it must name at least one file."), ({"images": ["a", None]}, "must be the path of"), ({"images": b"x"}, "path of"),
])  # fmt: skip
def test_a_value_that_does_not_fit_is_named(validate, given, rule):
    with pytest.raises(ParameterError) as caught:
        validate(**given)
    assert rule in str(caught.value)
    assert caught.value.name == next(iter(given))
    assert len(str(caught.value)) < 250


def test_an_unknown_name_is_named_with_the_known_ones(validate):
    with pytest.raises(
        ParameterError,
        match=r"no parameter 'treshold'\. Did you mean 'threshold'\? Its parameters: images, thr",
    ):
        validate(treshold=0.5)


def test_an_unknown_notebook_is_named_with_the_known_ones(folder):
    with pytest.raises(
        CatalogueError,
        match=r"no notebook 'analyze'\. Did you mean 'analyse'\? Its notebooks: analyse, retrain",
    ):
        load_usecase(folder).validate_parameters("analyze", {})


ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.lists(st.text() | st.integers())
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["images", "threshold", "top", "note", "quick", "view"]), value=ANYTHING)
def test_whatever_is_given_it_is_in_the_limits_or_refused(validate, name, value):
    try:
        values = validate(**{name: value})
    except ParameterError as error:
        str(error).encode("utf-8", "surrogatepass")
        return
    assert 0 <= values["threshold"] <= 1
    assert 1 <= values["top"] <= 10
    assert len(values["note"]) <= 10
    assert validate(**values) == values, "what was accepted is accepted again, unchanged"


def test_a_path_that_need_not_be_given_may_be_empty_and_the_input_may_not(folder):
    file = folder / "usecase.yaml"
    declared = yaml.safe_load(file.read_text())
    parameters = declared["notebooks"]["analyse"]["parameters"]
    parameters["counted"] = {"type": "path", "default": "", "title": "Counted", "help": "A table."}
    file.write_text(yaml.safe_dump(declared))
    use_case = load_usecase(folder)
    assert use_case.notebook("analyse").path_parameters == ("counted",)
    values = [
        use_case.validate_parameters("analyse", {"counted": given})["counted"]
        for given in ("", " ", None, "a.csv", ["a.csv", "b.csv"])
    ]
    assert values == ["", "", "", "a.csv", ["a.csv", "b.csv"]]
    parameters["images"]["default"] = ""
    file.write_text(yaml.safe_dump(declared))
    with pytest.raises(CatalogueError, match="always something to analyse"):
        load_usecase(folder)
