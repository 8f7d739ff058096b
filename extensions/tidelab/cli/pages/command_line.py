"""``docs/reference/cli.md``: every command, from the command line itself."""

from collections.abc import Iterator
from typing import Any

import typer

from tidelab.cli.pages.markdown import MADE, cell


def cli_page() -> str:
    """Return the reference of the command line."""
    from tidelab.cli.app import app

    lines = ["# The command `tidelab`", MADE]
    lines += [
        "It is in the environments `analyse`, `tensorflow` and `dev` (`.tidelab/envs/<name>/bin/tidelab`).",
        "",
    ]
    lines += [
        "Exit codes: 0 done; 1 failed, and said why; 2 wrong arguments; 130 interrupted. A fault of Tidelab itself is one"
    ]
    lines += ["sentence with the path of a log file; `tidelab --debug COMMAND` prints the traceback.", ""]
    for path, command in _commands("tidelab", typer.main.get_command(app)):
        rows = [_parameter_row(parameter) for parameter in command.params if "--help" not in parameter.opts]
        head = ["| Argument or option | Default | Meaning |", "|---|---|---|"] if rows else []
        lines += [f"## `{path}`", "", cell(command.help or ""), "", *head, *rows, *([""] if rows else [])]
    return "\n".join(lines).rstrip() + "\n"


def _parameter_row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
    else:
        name = ", ".join((*parameter.opts, *parameter.secondary_opts))
    default = "" if parameter.default in (None, False, (), []) else f"`{parameter.default}`"
    default = "**required**" if parameter.required else default
    return f"| `{name}` | {default} | {cell(getattr(parameter, 'help', None) or '')} |"


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from _commands(f"{path} {name}", child)
