"""``docs/reference/usecase.md``: every field of ``usecase.yaml``, from its JSON schema."""

import json
from collections.abc import Mapping
from typing import Any

from tidelab.cli.pages.markdown import MADE, cell


def usecase_page(schema: Mapping[str, Any]) -> str:
    """Return the reference of ``usecase.yaml``: one table for each mapping, in the order in which they are met."""
    lines = [
        "# `usecase.yaml`",
        MADE,
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
            cell(part.get("description", "")),
            "",
            "| Field | Type | Default | Meaning |",
            "|---|---|---|---|",
        ]
        for field, node in part.get("properties", {}).items():
            default = "**required**" if field in part.get("required", ()) else _default(node)
            lines.append(f"| `{field}` | {_type(node)} | {default} | {cell(_meaning(node, schema))} |")
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
