"""Where the pictures and label files of a YOLO data set are (https://docs.ultralytics.com/datasets/detect/).

Source: ``check_det_dataset`` and ``img2label_paths`` of ultralytics, read in 2026: places are a folder, a text file that lists pictures,
or several of these; the label file of ``.../images/a.jpg`` is ``.../labels/a.txt``, the last ``images`` of the path being replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname, join, normpath, splitext
from typing import Any, Final

import yaml

from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.reading import Reading, whole
from tidelab.formats.annotations.source import Source, is_picture

_MAX_YAML: Final = 8 * 2**20
_PARTS: Final = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_CLASS_FILES: Final = ("classes.txt", "obj.names", "labels.txt")


@dataclass
class Places:
    """What is where.

    Parameters
    ----------
    labels
        Classes by number; empty: nothing names them.
    pictures
        Path of the picture in the source (or in the list that names it) -> part, and the path below the folder of its part.
    """

    labels: list[str] = field(default_factory=list)
    pictures: dict[str, tuple[str, str]] = field(default_factory=dict)


def find(reading: Reading) -> Places:
    """Read data.yaml where there is one, and list the pictures of each part."""
    source = reading.source
    file = source.chosen or yaml_of(source)
    places = Places()
    if file:
        _Declaration(reading, file, places).take()
    else:
        places.labels = _classes(source)
        for name in source.pictures.names if not source.given else ():
            places.pictures[name] = (part_of(name), below(name))
    return places


def yaml_of(source: Source) -> str:
    """Return the one YAML file that declares classes, empty where there is none."""
    found = []
    for name in source.ending_in(".yaml", ".yml"):
        if name.count("/") <= 1 and b"names" in source.read(name)[:_MAX_YAML]:
            found.append(name)
    found.sort(key=lambda name: (name.count("/"), basename(name) != "data.yaml", name))
    return found[0] if found else ""


def label_file(picture: str) -> str:
    """Return the path of a picture's label file."""
    folders, base = dirname(picture), splitext(basename(picture))[0]
    parts = folders.split("/") if folders else []
    for number in range(len(parts) - 1, -1, -1):
        if parts[number] == "images":
            parts[number] = "labels"
            break
    return "/".join([*parts, f"{base}.txt"])


def part_of(name: str) -> str:
    """Return which part a path belongs to, by the names of its folders; empty: none says it."""
    return next((_PARTS[one] for one in name.split("/")[:-1] if one in _PARTS), "")


def below(name: str) -> str:
    """Return a path without the folders that say part, pictures or labels."""
    parts = name.split("/")
    kept = [one for one in parts[:-1] if one not in _PARTS and one not in ("images", "labels")]
    return "/".join([*kept, parts[-1]])


class _Declaration:
    """A data.yaml."""

    def __init__(self, reading: Reading, file: str, places: Places) -> None:
        self._reading, self._file, self._places = reading, file, places
        self._source = reading.source
        self._folders = {
            "/".join(name.split("/")[:k]) for name in self._known() for k in range(1, name.count("/") + 1)
        }

    def take(self) -> None:
        """Take classes and pictures."""
        content = self._content()
        self._places.labels = self._names(content) or _classes(self._source)
        for key in ("train", "val", "test"):
            given = content.get(key)
            for place in given if isinstance(given, list) else [given]:
                if place is None or place == "":
                    continue
                if not isinstance(place, str):
                    self._reading.fault(
                        self._file, "", key, f"{shown(place)}, expected a folder or a list of pictures"
                    )
                    continue
                self._take_place(key, str(content.get("path") or ""), place)

    def _content(self) -> Mapping[str, Any]:
        content = self._source.read(self._file)
        if len(content) > _MAX_YAML:
            raise AnnotationError(
                f"{self._file} is larger than {_MAX_YAML // 2**20} MB, which no data.yaml is."
            )
        try:
            read = yaml.safe_load(content)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise AnnotationError(f"{self._file} is no YAML that can be read: {shown(error)}.") from None
        if not isinstance(read, dict):
            raise AnnotationError(f"{self._file} is no data.yaml: expected names, train and val.")
        return read

    def _names(self, content: Mapping[str, Any]) -> list[str]:
        names = content.get("names")
        if isinstance(names, list):
            names = dict(enumerate(names))
        if not isinstance(names, dict):
            return []
        found: dict[int, str] = {}
        for key, name in names.items():
            try:
                number = whole(key, "names", 0)
            except ValueError as error:
                self._reading.fault(self._file, "", "names", error)
                continue
            # YAML reads names such as `no` or `12` as something else than text.
            text = name if isinstance(name, str) else shown(name)
            label = self._reading.label(self._file, f"class {number}", text)
            if label in found.values():
                self._reading.fault(
                    self._file, f"class {number}", "names", f"{shown(label)} stands there twice"
                )
            found[number] = label if label and label not in found.values() else f"class {number}"
        if not found or max(found) > 100_000:
            return []
        if content.get("nc") not in (None, len(found)):
            self._reading.fault(
                self._file,
                "",
                "nc",
                f"{shown(content['nc'])}, but {len(found)} classes are named; the names are taken",
            )
        return [found.get(number, f"class {number}") for number in range(max(found) + 1)]

    def _take_place(self, part: str, root: str, place: str) -> None:
        found = self._resolve(root, place)
        if found is None and self._has_labels(place):
            self._reading.tally.add(
                "The pictures of {n} part{s} are not in the folder; its label files are read where their pictures are found."
            )
        elif found is None:
            self._reading.fault(
                self._file, "", part,
                f"{shown(place)} is not below this folder; put data.yaml beside the pictures' folders, or name them in it anew",
            )  # fmt: skip
        elif found.lower().endswith(".txt"):
            base = dirname(found)
            for line in self._source.text(found).splitlines():
                if line.strip():
                    self._take_line(part, base, line.strip())
        else:
            prefix = f"{found}/" if found else ""
            for name in self._known():
                if name.startswith(prefix) and is_picture(name):
                    self._places.pictures.setdefault(
                        name,
                        (part, below(name.removeprefix(prefix)) if not found else name.removeprefix(prefix)),
                    )

    def _has_labels(self, place: str) -> bool:
        folder = dirname(label_file(f"{normpath(place)}/any.jpg"))
        return any(name.startswith(f"{folder}/") for name in self._source.names)

    def _take_line(self, part: str, base: str, line: str) -> None:
        picture = self._resolve(base, line, files=True)
        if picture is None:
            # The picture is not here, as in exports without pictures; its label file may be.
            picture = self._reading.file_name(self._file, part, line)
            tails = (picture.split("/", k)[-1] for k in range(picture.count("/") + 1))
            picture = next((one for one in tails if label_file(one) in self._source.names), picture)
        if picture:
            self._places.pictures.setdefault(picture, (part, below(picture)))

    def _known(self) -> tuple[str, ...]:
        return (
            self._source.names if self._source.given else (*self._source.names, *self._source.pictures.names)
        )

    def _resolve(self, root: str, place: str, files: bool = False) -> str | None:
        """Return a place below the source; of a place elsewhere, the longest end of its path that exists here."""
        base = dirname(self._file)
        written = place.replace("\\", "/")
        full = normpath(join(base, root.replace("\\", "/"), written))
        if self._is_there(full, files):
            return "" if full == "." else full
        parts = [one for one in full.split("/") if one not in ("", "..", ".")]
        for k in range(len(parts)):
            tail = normpath(join(base, "/".join(parts[k:])))
            if self._is_there(tail, files):
                if not files:
                    self._reading.tally.add(
                        "{n} place{s} in data.yaml lie elsewhere (another machine?); the folders of the same names here are read."
                    )
                return tail
        return None

    def _is_there(self, name: str, files: bool) -> bool:
        if files:
            return name in self._source.pictures.names
        return name == "." or name in self._folders or (name.endswith(".txt") and name in self._source.names)


def _classes(source: Source) -> list[str]:
    for name in source.names:
        if basename(name).lower() in _CLASS_FILES:
            lines = [line.strip() for line in source.text(name).splitlines()]
            labels = [line for line in lines if line]
            if len(set(labels)) == len(labels):
                return labels
    return []
