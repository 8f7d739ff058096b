"""Reads ``usecase.yaml`` into plain values, with the line of each field, and says in words what is wrong with it.

Plain words and numbers are read by the YAML 1.2 core schema, as editors that know our JSON schema do, so ``no`` and
``12:30`` stay text. Tags and aliases are refused: a declaration needs neither, and both are how YAML files attack readers.
"""

import math
import re
from pathlib import Path
from typing import Any

import yaml

from tidelab.catalogue.errors import Problem, UseCaseError, shorten

MAX_BYTES = 512 * 1024
MAX_DEPTH = 30

FieldPath = tuple[str | int, ...]
Lines = dict[FieldPath, int]

_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(file: Path) -> tuple[dict[str, Any], Lines]:
    """Return the mapping in a file and the line of each field.

    Raises
    ------
    UseCaseError
        The file cannot be read as one mapping; the text says why and where.
    """
    text = _read_text(file)
    try:
        _guard(file, text)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise UseCaseError([_syntax_problem(file, text, error)]) from None
    if not isinstance(node, yaml.MappingNode):
        found = "is empty" if node is None else "does not hold `field: value` lines"
        raise _error(file, f"{found}; it must be one mapping that starts with `schema_version: 1`.")
    reader = _Reader(file)
    data = reader.value(node, ())
    return data, reader.lines


def _guard(file: Path, text: str) -> None:
    """Refuse what a declaration never needs, before a tree is built: libyaml's composer crashes on deep nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else None
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _error(
                file, f"is nested deeper than {MAX_DEPTH} levels.", line, "A declaration needs five."
            )
        if isinstance(event, yaml.AliasEvent) or (isinstance(event, yaml.NodeEvent) and event.anchor):
            raise _error(
                file,
                f"uses an anchor or alias (`&{event.anchor}`, `*{event.anchor}`).",
                line,
                "Write the value out.",
            )
        tag = getattr(event, "tag", None)
        if tag:
            raise _error(file, f"uses the tag {shorten(tag)}.", line, "Leave the tag out.")


def _read_text(file: Path) -> str:
    try:
        if not file.is_file():
            missing = "is not there" if not file.exists() else "is not a file"
            raise _error(
                file, f"{missing}; every use case has one.", next_step="Make one with `tidelab new`."
            )
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _error(file, f"cannot be read: {error.strerror}.", next_step="Check its permissions.") from None
    if len(content) > MAX_BYTES:
        raise _error(
            file, f"is larger than {MAX_BYTES // 1024} kB; a declaration is text of a few hundred lines."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error(file, "is not UTF-8 text.", line, "Save it with the encoding UTF-8.") from None
    return text


def _error(
    file: Path, rule: str, line: int | None = None, next_step: str = "", field: str = ""
) -> UseCaseError:
    return UseCaseError([Problem(file, rule, field=field, line=line, next_step=next_step)])


def _syntax_problem(file: Path, text: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark is not None else None
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    said = re.sub(r"\s+", " ", shorten(str(said), 200)[1:-1])
    rows = text.splitlines()
    row = rows[mark.line] if mark is not None and mark.line < len(rows) else ""
    if "\t" in row:
        step = "This line holds a tab: indent with spaces, never with tabs."
    elif isinstance(error, yaml.reader.ReaderError):
        step = "The file holds characters that are not text; save it again as UTF-8 text."
    else:
        step = "Look at this line and the one before: indentation, a missing space after `:`, or an unclosed quote."
    return Problem(file, f"is not valid YAML ({said}).", line=line, next_step=step)


class _Reader:
    """Turns composed nodes into values, and remembers lines."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: Lines = {}

    def value(self, node: yaml.Node, path: FieldPath) -> Any:
        """Return the value of a node, and remember the line of its field."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        if _half_character(node.value):
            raise self._error(path, self.lines[path], "is not valid text (half of a character).")
        quoted = isinstance(node, yaml.ScalarNode) and node.style not in (None, "")
        return node.value if quoted else _plain(node.value)

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line, key = key_node.start_mark.line + 1, key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or _half_character(key):
                raise self._error(
                    path, line, "has a field whose name is not a word.", "Names are plain words."
                )
            if key in result:
                first = self.lines[(*path, key)]
                raise self._error(
                    (*path, key), line, f"is given twice (first on line {first}).", "Keep one of them."
                )
            self.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return result

    def _error(self, path: FieldPath, line: int, rule: str, next_step: str = "") -> UseCaseError:
        return _error(self.file, rule, line, next_step, dotted(path))


def _half_character(text: str) -> bool:
    return any(0xD800 <= ord(char) <= 0xDFFF for char in text)


def _plain(text: str) -> Any:
    """Return what an unquoted word means: nothing, true or false, a number, else text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def dotted(path: FieldPath) -> str:
    """Return a path as people read it, ``labels[2].name``.

    >>> dotted(("labels", 2, "name"))
    'labels[2].name'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{shorten(part, 60)[1:-1]}"
    return text
