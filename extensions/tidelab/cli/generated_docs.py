"""The documentation pages that are made from code and catalogue, so that they cannot say something else."""

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from tidelab import paths
from tidelab.catalogue import UseCase, load_catalogue, usecase_schema
from tidelab.cli.variables import INTERNAL, PLACES, WORK, Variable

_MADE = "<!-- Made by `tidelab docs`; a test compares it with the code. Do not edit. -->\n"


def pages() -> dict[str, str]:
    """Return path below the checkout -> text of every generated page."""
    return {
        "docs/reference/usecase.schema.json": json.dumps(usecase_schema(), indent=2, ensure_ascii=False)
        + "\n",
        "docs/reference/usecase.md": usecase_page(usecase_schema()),
        "docs/reference/cli.md": cli_page(),
        "docs/reference/settings.md": settings_page(),
        "docs/use-cases.md": catalogue_page(load_catalogue()),
    }


def write_pages() -> list[Path]:
    """Write every generated page; return the files."""
    written = []
    for name, text in pages().items():
        file = paths.checkout() / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    return written


def stale_pages() -> list[str]:
    """Return the names of the pages that differ from what the code says now."""
    files = {name: paths.checkout() / name for name in pages()}
    return [
        name
        for name, text in pages().items()
        if not files[name].is_file() or files[name].read_text(encoding="utf-8") != text
    ]


def usecase_page(schema: Mapping[str, Any]) -> str:
    """Return the reference of ``usecase.yaml``: one table for each mapping, in the order in which they are met."""
    lines = [
        "# `usecase.yaml`",
        _MADE,
        "One file declares a use case; the hub, the apps, the reports and these pages follow from it.",
    ]
    lines += [
        "An unknown field is an error. `tidelab check` names file, line, field, value and rule of whatever is wrong."
    ]
    lines += ["[`usecase.schema.json`](usecase.schema.json) lets an editor complete and check it.", ""]
    waiting, done = ["UseCase"], set()
    while waiting:
        name = waiting.pop(0)
        if name in done:
            continue
        done.add(name)
        part = schema if name == "UseCase" else schema["$defs"][name]
        title = "The declaration" if name == "UseCase" else _heading(name)
        lines += [
            f"## {title}",
            "",
            _cell(part.get("description", "")),
            "",
            "| Field | Type | Default | Meaning |",
            "|---|---|---|---|",
        ]
        for field, node in part.get("properties", {}).items():
            default = "**required**" if field in part.get("required", ()) else _default(node)
            lines.append(f"| `{field}` | {_type(node)} | {default} | {_cell(_meaning(node, schema))} |")
            waiting += [target for target in _targets(node) if target not in done]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _meaning(node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return a field's description; pydantic leaves it out where it equals that of the mapping the field holds."""
    if "description" not in node and "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return str(node.get("description", ""))


def _heading(name: str) -> str:
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip().capitalize()


def _targets(node: Any) -> list[str]:
    """Return the names of the mappings that a field holds."""
    if isinstance(node, dict):
        own = [node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else []
        return own + [
            name for key, value in node.items() if key != "discriminator" for name in _targets(value)
        ]
    return [name for value in node for name in _targets(value)] if isinstance(node, list) else []


def _type(node: Mapping[str, Any]) -> str:
    if "$ref" in node:
        heading = _heading(node["$ref"].rsplit("/", 1)[1])
        return f"[{heading.lower()}](#{heading.lower().replace(' ', '-')})"
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    members = [member for member in node.get("anyOf", node.get("oneOf", ())) if member.get("type") != "null"]
    if members:
        return " or ".join(_type(member) for member in members)
    if node.get("type") == "array":
        if "prefixItems" in node:
            return f"list of {len(node['prefixItems'])} {_type(node['prefixItems'][0])}s"
        return f"list of {_type(node['items'])}"
    if node.get("type") == "object":
        inner: Any = node.get("additionalProperties") or next(
            iter(node.get("patternProperties", {}).values()), {}
        )
        return f"name -> {_type(inner)}"
    word = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}.get(
        str(node.get("type")), ""
    )
    if node.get("format") == "date":
        word = "day (2026-01-31)"
    return word + _limits(node)


def _limits(node: Mapping[str, Any]) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    said = [f"{word} {node[key]}" for key, word in words.items() if key in node]
    return f", {', '.join(said)}" if said else ""


def _default(node: Mapping[str, Any]) -> str:
    value = node.get("default")
    if value is None or value in ([], {}):
        return ""
    return (
        f"`{json.dumps(value, ensure_ascii=False)}`" if not isinstance(value, dict) else "as described there"
    )


def _cell(text: str) -> str:
    """Return a text for one cell of a table; what stands in backquotes is left as it is, apart from ``|``."""
    parts = " ".join(text.replace("``", "`").split()).replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def cli_page() -> str:
    """Return the reference of the command line."""
    from tidelab.cli.app import app

    lines = ["# The command `tidelab`", _MADE]
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
        lines += [f"## `{path}`", "", _cell(command.help or ""), "", *head, *rows, *([""] if rows else [])]
    return "\n".join(lines).rstrip() + "\n"


def _parameter_row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
    else:
        name = ", ".join((*parameter.opts, *parameter.secondary_opts))
    default = "" if parameter.default in (None, False, (), []) else f"`{parameter.default}`"
    default = "**required**" if parameter.required else default
    return f"| `{name}` | {default} | {_cell(getattr(parameter, 'help', None) or '')} |"


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from _commands(f"{path} {name}", child)


def settings_page() -> str:
    """Return the reference of the environment variables: Tidelab's places and limits, then the hub's settings."""
    lines = [
        "# Settings",
        _MADE,
        "Every setting is an environment variable, and each has a default that is right for one person on one machine.",
        "",
    ]
    for title, note, variables in (
        ("Places", "", PLACES),
        ("Work", "", WORK),
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
        meaning = _cell(variable.meaning)
        rows.append(f"| `{variable.name}` | {f'{variable.default} | ' if with_default else ''}{meaning} |")
    return head + rows


def _hub_default(name: str, field: Any) -> str:
    # A default that is made when the hub starts (the operating-system user) differs between machines.
    if field.default_factory is not None:
        value = field.default_factory() if name != "admin" else None
        return f"`{json.dumps(value)}`" if value else ""
    value = field.default
    return "" if value in (None, "") or type(value).__name__ == "SecretStr" else f"`{value}`"


def catalogue_page(catalogue: Mapping[str, UseCase]) -> str:
    """Return the page of use cases: one section each."""
    lines = [
        "# Use cases",
        _MADE,
        "Each is one folder of `notebooks/`; see [how to add one](howto/add-a-use-case.md).",
        "",
    ]
    for use_case in catalogue.values():
        lines += _section(use_case)
    return "\n".join(lines).rstrip() + "\n"


def _section(use_case: UseCase) -> list[str]:
    lines = [
        f"## {_text(use_case.title)}",
        "",
        f"`{use_case.slug}`: {_text(use_case.summary)}",
        "",
        _text(use_case.description),
        "",
    ]
    if use_case.app:
        lines += [f"- **In**: {_text(use_case.app.inputs)}", f"- **Out**: {_text(use_case.app.outputs)}"]
    names = ", ".join(
        f"{_text(label.shown)}{f' (AphiaID {label.aphia_id})' if label.aphia_id else ''}"
        for label in use_case.labels
    )
    lines += [f"- **Classes** ({len(use_case.labels)}): {names}"]
    for notebook in use_case.notebooks.values():
        parameters = ", ".join(
            f"`{name}` (default `{value.default}`)" for name, value in notebook.parameters.items()
        )
        lines.append(
            f"- **{_text(notebook.title)}**: `{notebook.file}`, stack `{notebook.stack}`, as {', '.join(notebook.faces)}"
            + (f"; parameters {parameters}" if parameters else "")
        )
    for source in use_case.model.published:
        place = f"https://doi.org/{source.doi}" if source.doi else source.url
        lines.append(f"- **Published model**: {_text(source.title)}, {_text(source.licence)}, <{place}>")
    lines += [f"- **Sample**: {_text(use_case.sample.title)}, {_text(use_case.sample.licence)}"]
    lines += [
        f"- **People**: {', '.join(f'{_text(person.name)} ({person.role})' for person in use_case.people)}"
    ]
    return [*lines, f"- **Cite**: {_text(use_case.citation.text)}", ""]


def _text(text: str) -> str:
    """Return an author's text as one line of Markdown in which nothing is markup."""
    line = " ".join(text.split()).replace("\\", "\\\\")
    for char in "`*_[]|#":
        line = line.replace(char, f"\\{char}")
    return line.replace("<", "&lt;")
