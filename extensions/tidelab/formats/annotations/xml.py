"""XML of others, element by element, with the line of each: no entities, no document types, bounded depth, number and memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from tidelab.formats.annotations.reading import Reading

MAX_DEPTH: Final = 50
MAX_ELEMENTS: Final = 4_000_000
"""In a document: more than the largest file that is read holds annotations."""

MAX_HELD_BYTES: Final = 512 * 2**20
"""Of memory for what is held at once, estimated: one picture, track or ``<meta>``, about 600,000 boxes of CVAT."""

# Of CPython 3.11, measured with tracemalloc: an element without attributes 245 bytes, one with an attribute 420, a box of CVAT with eight 730.
_ELEMENT_BYTES: Final = 250
_ATTRIBUTES_BYTES: Final = 120
_ATTRIBUTE_BYTES: Final = 60
_MAX_TEXT: Final = 64 * 2**20
_STEP: Final = 2**20


@dataclass
class Element:
    """An element and what is in it."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def child(self, tag: str) -> "Element | None":
        """Return the first child of that name."""
        return next((one for one in self.children if one.tag == tag), None)

    def text_of(self, tag: str) -> str:
        """Return the text of the first child of that name without blanks around it; empty where there is none."""
        found = self.child(tag)
        return found.text.strip() if found is not None else ""


def xml_text(text: str) -> str:
    """Return a text without the characters that XML 1.0 cannot hold."""
    return "".join(
        char
        if char >= " " and not 0xD800 <= ord(char) <= 0xDFFF and ord(char) not in (0xFFFE, 0xFFFF)
        else " "
        for char in text
    )


def element_bytes(attributes: dict[str, str]) -> int:
    """Return about how much memory an element takes, with its attributes and without its text."""
    texts = sum(map(len, attributes.values()))
    return (
        _ELEMENT_BYTES + (_ATTRIBUTES_BYTES if attributes else 0) + _ATTRIBUTE_BYTES * len(attributes) + texts
    )


class _Refused(Exception):
    """The document holds what is not read here."""


def children(content: bytes, file: str, reading: Reading, *, together: bool = False) -> Iterator[Element]:
    """Yield the root without its children, then each of its children when it is complete.

    `together`: the children are all kept, so that the bound on memory is on all of them and not on each.

    What comes before damage is yielded, and the damage is noted as a fault: a file that was cut short gives what it still holds. A
    document type declaration is refused, and with it every entity (https://docs.python.org/3/library/xml.html#xml-vulnerabilities).
    """
    parser = expat.ParserCreate()
    builder = _Builder(parser, together)
    try:
        for start in range(0, max(len(content), 1), _STEP):
            parser.Parse(content[start : start + _STEP], start + _STEP >= len(content))
            yield from builder.take()
    except _Refused as error:
        yield from builder.take()
        reading.fault(file, f"line {parser.CurrentLineNumber}", "", str(error))
    except expat.ExpatError as error:
        yield from builder.take()
        words = expat.ErrorString(error.code)
        reading.fault(
            file, f"line {error.lineno}", "", f"the XML is damaged here ({words}); what follows is not read"
        )
    except (ValueError, LookupError) as error:  # an encoding nobody knows
        reading.fault(file, "", "", f"the XML cannot be read ({error})")


class _Builder:
    def __init__(self, parser: expat.XMLParserType, together: bool) -> None:
        self._parser, self._together = parser, together
        self._open: list[Element] = []
        self._done: list[Element] = []
        self._count = self._text = self._held = 0
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype

    def take(self) -> list[Element]:
        done, self._done = self._done, []
        return done

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise _Refused(f"more than {MAX_DEPTH} elements within one another, or {MAX_ELEMENTS} in all")
        self._hold(element_bytes(attributes))
        element = Element(tag, attributes, self._parser.CurrentLineNumber)
        if not self._open:
            self._done.append(Element(tag, attributes, element.line))
        self._open.append(element)

    def _end(self, tag: str) -> None:
        element = self._open.pop()
        if len(self._open) == 1:
            self._text = 0
            self._held = self._held if self._together else 0
            self._done.append(element)
        elif self._open:
            self._open[-1].children.append(element)

    def _characters(self, text: str) -> None:
        self._text += len(text)
        if self._text > _MAX_TEXT:
            raise _Refused(f"more than {_MAX_TEXT // 2**20} MB of text in one element")
        if len(self._open) > 1:
            self._hold(len(text))
            self._open[-1].text += text

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > MAX_HELD_BYTES:
            what = "the document" if self._together else "one element of the outermost"
            raise _Refused(f"{what} would take more than {MAX_HELD_BYTES // 2**20} MB of memory")

    def _doctype(self, *_: object) -> None:
        raise _Refused("a document type declaration (<!DOCTYPE ...>) is not read: it can hold entities")
