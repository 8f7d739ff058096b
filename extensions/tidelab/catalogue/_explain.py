"""Turns pydantic's errors into sentences that name the field, its value, the rule and the next step."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tidelab.catalogue._yaml import FieldPath, Lines, dotted
from tidelab.catalogue.errors import Problem, did_you_mean, shorten

_KINDS = {
    "string_type": "text", "int_type": "a whole number", "float_type": "a number", "bool_type": "true or false",
    "int_from_float": "a whole number", "tuple_type": "a list (`[a, b]`, or lines that start with `- `)",
    "list_type": "a list (`[a, b]`, or lines that start with `- `)", "dict_type": "a mapping (`field: value` lines)",
    "model_type": "a mapping (`field: value` lines)", "model_attributes_type": "a mapping (`field: value` lines)",
    "dataclass_type": "a mapping (`field: value` lines)", "finite_number": "a finite number",
    "date_parsing": "a day, as 2026-01-31", "date_type": "a day, as 2026-01-31",
    "date_from_datetime_parsing": "a day, as 2026-01-31", "date_from_datetime_inexact": "a day, as 2026-01-31",
}  # fmt: skip


def explain(
    file: Path, error: ValidationError, data: dict[str, Any], lines: Lines, schema: dict[str, Any]
) -> list[Problem]:
    """Return one problem for each thing that is wrong, in the order of the file."""
    problems: list[Problem] = []
    for details in error.errors(include_url=False):
        joined = getattr(details.get("ctx", {}).get("error"), "problems", None)
        if joined is not None:
            problems += [_problem(file, path, rule, lines) for path, rule in joined]
        else:
            path = _path(details["loc"], data)
            problems.append(_problem(file, path, _rule(details, path, data, schema), lines))
    return sorted(problems, key=lambda problem: problem.line or 0)


def _problem(file: Path, path: FieldPath, rule: str, lines: Lines) -> Problem:
    known = path
    while known not in lines and known:
        known = known[:-1]
    return Problem(file, rule, field=dotted(path), line=lines.get(known))


def _path(loc: tuple[int | str, ...], data: Any) -> FieldPath:
    """Return the path in the file: pydantic's, without the names of union members and of keys in it."""
    path: list[int | str] = []
    current: Any = data
    for position, part in enumerate(loc):
        if part == "[key]":
            continue
        child = _child(current, part)
        if child is None and position < len(loc) - 1 and isinstance(current, dict):
            continue
        current = child
        path.append(part)
    return tuple(path)


def _rule(details: ErrorDetails, path: FieldPath, data: Any, schema: dict[str, Any]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    node = schema_at(schema, path, data)
    meaning = f" ({node['description'].rstrip('.')})" if "description" in node else ""
    if kind == "missing":
        return f"is missing{meaning}."
    if kind == "extra_forbidden":
        known = sorted(schema_at(schema, path[:-1], data).get("properties", {}))
        return (
            f"is not a field that exists here. {did_you_mean(str(path[-1]), known)}Known: {', '.join(known)}."
        )
    if kind == "union_tag_not_found":
        return "has no `type`; it must be one of path, integer, number, string, boolean, choice."
    value = (
        shorten(details["input"]) if not isinstance(details["input"], dict | list) else "a list or mapping"
    )
    if details["loc"] and details["loc"][-1] == "[key]":
        return f"is not a possible name here; it must match {context.get('pattern', 'the pattern')}."
    return f"is {value}; it must {_must(details, kind, context)}{meaning}."


def _must(details: ErrorDetails, kind: str, context: dict[str, Any]) -> str:
    if kind in _KINDS:
        return f"be {_KINDS[kind]}"
    if kind == "union_tag_invalid":
        return f"have a `type` out of {context.get('expected_tags')}"
    if kind == "literal_error":
        return f"be {context.get('expected')}"
    if kind == "string_pattern_mismatch":
        return f"match the pattern {context.get('pattern')}"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        words = {"greater_than": ("above", "gt"), "greater_than_equal": ("at least", "ge"),
                 "less_than": ("below", "lt"), "less_than_equal": ("at most", "le")}  # fmt: skip
        word, key = words[kind]
        return f"be {word} {context.get(key)}"
    if kind in ("string_too_short", "too_short"):
        return f"have at least {context.get('min_length')} {'character' if kind.startswith('string') else 'entries'}"
    if kind in ("string_too_long", "too_long"):
        return f"have at most {context.get('max_length')} {'characters' if kind.startswith('string') else 'entries'}"
    message = details["msg"].removeprefix("Value error, ").rstrip(".")
    return message.removeprefix("must ") if message.startswith("must ") else f"be different: {message}"


def schema_at(schema: dict[str, Any], path: FieldPath, data: Any) -> dict[str, Any]:
    """Return the part of the JSON schema that describes one field, or an empty one."""
    node: dict[str, Any] = schema
    current = data
    for part in path:
        node = _resolve(schema, node, current)
        if isinstance(part, int):
            node = node.get("items", {})
        elif part in node.get("properties", {}):
            node = node["properties"][part]
        else:
            extra: Any = node.get("additionalProperties") or next(
                iter(node.get("patternProperties", {}).values()), {}
            )
            node = extra if isinstance(extra, dict) else {}
        current = _child(current, part)
    own = {key: value for key, value in node.items() if key in ("title", "description")}
    return {**_resolve(schema, node, current), **own}


def _child(current: Any, part: str | int) -> Any:
    try:
        return current[part]
    except (KeyError, IndexError, TypeError):
        return None


def _resolve(schema: dict[str, Any], node: dict[str, Any], value: Any) -> dict[str, Any]:
    """Follow references, and for a union the member that fits: by ``type`` for parameters, else the one not null."""
    for _ in range(5):
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        elif "discriminator" in node:
            mapping = node["discriminator"]["mapping"]
            tag = value.get("type") if isinstance(value, dict) else None
            if not isinstance(tag, str) or tag not in mapping:
                return {}
            node = {"$ref": mapping[tag]}
        elif "anyOf" in node:
            node = next((member for member in node["anyOf"] if member.get("type") != "null"), {})
        else:
            return node
    return node
