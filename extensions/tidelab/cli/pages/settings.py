"""``docs/reference/settings.md``: every environment variable."""

import importlib
import json
from typing import Any

from tidelab.cli.pages.markdown import MADE, cell
from tidelab.cli.variables import APPS, INTERNAL, PLACES, WORK, Variable


def settings_page() -> str:
    """Return the reference of the environment variables: Tidelab's places and limits, then the hub's settings."""
    lines = [
        "# Settings",
        MADE,
        "Every setting is an environment variable, and each has a default that is right for one person on one machine.",
        "",
    ]
    for title, note, variables in (
        ("Places", "", PLACES),
        ("Work", "", WORK),
        ("Apps", "", APPS),
        (
            "Set by Tidelab for its own processes",
            "Nothing to set here; named so that nobody wonders.",
            INTERNAL,
        ),
    ):
        lines += [f"## {title}", "", *([note, ""] if note else []), *_variable_table(variables), ""]
    lines += [
        "## Hub",
        "",
        "Read when the hub starts; a wrong value stops it with a sentence that names the variable.",
        "",
    ]
    # By name: the toolkit never depends on the hub, whose libraries are in its own environment and in `dev`.
    settings = importlib.import_module("tidehub.settings")
    hub = [
        Variable(f"{settings.PREFIX}{name.upper()}", _hub_default(name, field), field.description or "")
        for name, field in settings.Settings.model_fields.items()
    ]
    return "\n".join([*lines, *_variable_table(hub)]).rstrip() + "\n"


def _variable_table(variables: tuple[Variable, ...] | list[Variable]) -> list[str]:
    with_default = any(variable.default for variable in variables)
    head = (
        ["| Variable | Default | Meaning |", "|---|---|---|"]
        if with_default
        else ["| Variable | Meaning |", "|---|---|"]
    )
    rows = []
    for variable in variables:
        meaning = cell(variable.meaning)
        rows.append(f"| `{variable.name}` | {f'{variable.default} | ' if with_default else ''}{meaning} |")
    return head + rows


def _hub_default(name: str, field: Any) -> str:
    # A default that is made when the hub starts (the operating-system user) differs between machines.
    if field.default_factory is not None:
        value = field.default_factory() if name != "admin" else None
        return f"`{json.dumps(value)}`" if value else ""
    value = field.default
    return "" if value in (None, "") or type(value).__name__ == "SecretStr" else f"`{value}`"
