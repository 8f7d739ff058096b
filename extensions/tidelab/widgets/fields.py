"""Fields of the form, made from the parameter schema of the catalogue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
from markupsafe import Markup

from tidelab.catalogue import Parameter
from tidelab.catalogue.parameters import (
    BooleanParameter,
    ChoiceParameter,
    IntegerParameter,
    NumberParameter,
    StringParameter,
)
from tidelab.runs.methods import parameter_words


@dataclass
class Field:
    """One parameter in the form: label, control, help, and a place for what is wrong."""

    name: str
    control: Any
    problem: Any
    box: Any

    def say(self, problem: str) -> None:
        """Show what is wrong with the value, or nothing."""
        self.problem.value = (
            str(Markup('<span class="tl-field-wrong" role="alert">{}</span>').format(problem))
            if problem
            else ""
        )


def make_field(name: str, parameter: Parameter, value: Any, on_change: Callable[[str, Any], None]) -> Field:
    """Return the field for one parameter; `on_change` is called with name and value when the person changes it."""
    control = _control(parameter, value)
    if name == "threshold" and isinstance(control, widgets.Text):
        control.placeholder = parameter_words(name, None)  # empty is a choice here, and no lack of knowledge
    control.add_class("tl-control")
    control.observe(lambda change: on_change(name, change["new"]), names="value")
    title = widgets.HTML(str(Markup('<span class="tl-field-title">{}</span>').format(parameter.title)))
    help_ = widgets.HTML(str(Markup('<span class="tl-field-help">{}</span>').format(parameter.help)))
    problem = widgets.HTML("")
    box = widgets.VBox([title, control, help_, problem])
    box.add_class("tl-field")
    return Field(name, control, problem, box)


def _control(parameter: Parameter, value: Any) -> Any:
    layout = widgets.Layout(width="16rem")
    # The title stands above the control, so the control itself carries it for screen readers only.
    common = {"layout": layout, "tooltip": parameter.title, "disabled": True}
    match parameter:
        case NumberParameter(default=None) | StringParameter(default=None):
            # Text, because a control for numbers cannot be empty, and empty is the honest answer here.
            return widgets.Text(
                value="" if value is None else str(value),
                placeholder="not known",
                continuous_update=False,
                **common,
            )
        case NumberParameter(minimum=float() | int() as low, maximum=float() | int() as high) if (
            parameter.step or high - low <= 1
        ):
            return widgets.FloatSlider(
                value=value, min=low, max=high, step=parameter.step or 0.01, continuous_update=False, readout_format=".2f", **common,
            )  # fmt: skip
        case NumberParameter(minimum=float() | int(), maximum=float() | int()):
            # Without a step any digit may matter, as in a latitude: a slider would hide and lose some.
            return widgets.BoundedFloatText(
                value=value, min=parameter.minimum, max=parameter.maximum, **common
            )
        case NumberParameter():
            return widgets.FloatText(value=value, step=parameter.step, **common)
        case IntegerParameter(minimum=int(), maximum=int()):
            return widgets.BoundedIntText(value=value, min=parameter.minimum, max=parameter.maximum, **common)
        case IntegerParameter():
            return widgets.IntText(value=value, **common)
        case BooleanParameter():
            return widgets.Checkbox(value=value, indent=False, **common)
        case ChoiceParameter():
            return widgets.Dropdown(value=value, options=list(parameter.choices), **common)
        case _:
            text = value if isinstance(value, str) else ", ".join(value)
            return widgets.Text(value=text, continuous_update=False, **common)
