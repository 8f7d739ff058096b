"""Fields of the form: a value that may be unknown has an empty field, and an empty field means that."""

import asyncio

from tidelab.catalogue.parameters import NumberParameter, StringParameter
from tidelab.widgets.analysis import Analysis
from tidelab.widgets.fields import make_field


def field_of(parameter, value):
    told = []
    field = make_field("x", parameter, value, lambda name, new: told.append((name, new)))
    return field.control, told


def test_an_unknown_number_is_an_empty_field_and_not_zero():
    volume = NumberParameter(
        type="number", default=None, minimum=0, maximum=10, title="Volume", help="Imaged."
    )
    control, told = field_of(volume, None)
    assert (control.value, control.placeholder) == ("", "not known")
    control.value = "0.5"
    control.value = ""
    assert told == [("x", "0.5"), ("x", "")]
    assert [volume.check(value) for _, value in told] == [0.5, None]
    assert field_of(volume, 2.5)[0].value == "2.5"


def test_an_empty_threshold_says_whose_threshold_counts():
    threshold = NumberParameter(
        type="number", default=None, minimum=0, maximum=1, title="Score threshold", help="Least score."
    )
    control = make_field("threshold", threshold, None, lambda name, new: None).control
    assert (control.value, control.placeholder) == ("", "the model's own, by class")


def test_an_unknown_text_is_an_empty_field():
    station = StringParameter(type="string", default=None, title="Station", help="Where.")
    assert field_of(station, None)[0].value == ""


def test_numbers_that_are_always_known_keep_their_control():
    threshold = NumberParameter(
        type="number", default=0.5, minimum=0, maximum=1, title="Threshold", help="Least."
    )
    assert type(field_of(threshold, 0.5)[0]).__name__ == "FloatSlider"


def test_a_number_whose_every_digit_may_matter_is_written_and_not_dragged():
    latitude = NumberParameter(
        type="number", default=41.18212, minimum=-90, maximum=90, title="Latitude", help="Where."
    )
    control, told = field_of(latitude, 41.18212)
    assert type(control).__name__ == "BoundedFloatText"
    assert control.value == 41.18212
    control.value = 43.123456
    assert told == [("x", 43.123456)]
    stepped = latitude.model_copy(update={"step": 0.5})
    assert type(field_of(stepped, 41.0)[0]).__name__ == "FloatSlider"


def test_the_form_calls_its_input_as_the_use_case_does() -> None:
    """*Project* for a ZooProcess project, *Photos* for photos: nobody looks for images where a project is wanted."""
    for slug, title in (("zooscan", "Project"), ("eyeonwater", "Photos"), ("flowcam-plankton", "Images")):
        page = Analysis(slug, images="sample")
        asyncio.run(_formed(page))
        assert title in page._form.box.children[0].value


async def _formed(page: Analysis) -> None:
    page.form()
