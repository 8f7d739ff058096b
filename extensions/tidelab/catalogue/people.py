"""Who made a use case, and how to cite it."""

from typing import Literal

from pydantic import Field

from tidelab.catalogue._base import Doi, Line, Part, Text, Url


class Person(Part):
    """One of the people behind a use case."""

    name: Line = Field(title="Name", description="Name of the person or group.")
    role: Literal["author", "maintainer", "contact", "contributor"] = Field(
        title="Role", description="author, maintainer, contact or contributor."
    )
    affiliation: Line | None = Field(None, title="Affiliation", description="Institute or company.")
    orcid: str | None = Field(
        None,
        title="ORCID",
        description="ORCID iD, e.g. 0000-0002-1825-0097.",
        pattern=r"^(\d{4}-){3}\d{3}[\dX]$",
    )
    email: str | None = Field(
        None,
        title="E-mail",
        description="Public contact address.",
        pattern=r"^[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+$",
    )


class Citation(Part):
    """What a person who publishes results should cite; it stands in every report and download."""

    text: Text = Field(
        title="Text", description="The citation in words, as it should appear in a list of references."
    )
    doi: Doi | None = Field(None, title="DOI", description="DOI of the cited work, without https://doi.org/.")
    url: Url | None = Field(None, title="URL", description="Where the cited work can be found.")
