"""The notebooks of a use case."""

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, PrivateAttr

from tidelab.catalogue._base import Identifier, InsidePath, Line, Part, StackName, Text
from tidelab.catalogue.errors import ParameterError
from tidelab.catalogue.parameters import Parameter, PathParameter

INPUT: Final = "images"
"""Name of the parameter that holds what is analysed."""
Face = Literal["lab", "app", "report"]


class Notebook(Part):
    """One notebook: one question, with up to three faces."""

    file: InsidePath = Field(
        title="File", description="The notebook, e.g. `analyse.ipynb`.", pattern=r"\.ipynb$"
    )
    title: Line = Field(title="Title", description="The question it answers.")
    description: Text | None = Field(None, title="Description", description="What a person gets from it.")
    stack: StackName = Field(
        title="Stack", description="Stack whose kernel runs it (kernel `tidelab-<stack>`)."
    )
    faces: tuple[Face, ...] = Field(
        title="Faces",
        description="lab: opened in JupyterLab; app: shown by Voila; report: executed by `tidelab report`.",
        min_length=1,
    )
    parameters: dict[Identifier, Parameter] = Field(
        default_factory=dict,
        title="Parameters",
        description="Name -> declaration; the same names and defaults stand in the cell tagged `parameters`.",
    )
    _folder: Path = PrivateAttr(default=Path())

    @property
    def path(self) -> Path:
        """Absolute path of the notebook."""
        return self._folder / self.file

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """Names of the parameters beside `INPUT` that name files or folders."""
        return tuple(
            name
            for name, parameter in self.parameters.items()
            if isinstance(parameter, PathParameter) and name != INPUT
        )

    def validate_parameters(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return all parameters, checked, in the declared order, defaults filled in."""
        for key in values:
            if key not in self.parameters:
                raise ParameterError.unknown(name, str(key), self.parameters)
        result: dict[str, Any] = {}
        for key, declaration in self.parameters.items():
            value = values.get(key, declaration.default)
            try:
                result[key] = declaration.check(value)
            except ValueError as error:
                raise ParameterError(name, key, value, str(error)) from None
        return result
