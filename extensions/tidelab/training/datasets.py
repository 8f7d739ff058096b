"""Read labelled images: one folder per class, or a class list with split files as published data sets carry them."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from tidelab.training.decoding import UnreadableError, read_file

Pixels = npt.NDArray[np.uint8]

SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
SPLIT_FILES: Final = {"train.txt": "train", "val.txt": "validation", "test.txt": "test"}
SAMPLE_TABLES: Final = ("samples.csv", "truth.csv")
CLASSES: Final = "classes.txt"


class DatasetError(ValueError):
    """A folder that holds no usable labelled images: which, what was expected, what to do."""


@dataclass(frozen=True)
class Rejected:
    """A file that was left out, and why."""

    image: str
    reason: str


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Labelled images in memory.

    Parameters
    ----------
    names
        File names relative to the folder, posix separators, sorted.
    pixels
        One uint8 ``(height, width, 3)`` RGB array for each.
    truth
        Class index of each, int64 ``(n,)``.
    labels
        Class names in index order: alphabetical for class folders, the file's order for a class list.
    sample_ids
        Sample of each image, empty where unknown.
    digests
        sha256 of each file.
    given_parts
        ``train``, ``validation`` or ``test`` where split files say so, else empty.
    rejected
        Files that were left out, with reasons.
    sites
        Site of each image (``station`` of the sample table), empty where unknown; no entries where no table names any.
    generated
        Drawings made to try things out, not plankton: a model trained on them is a demonstration model.
    """

    names: tuple[str, ...]
    pixels: tuple[Pixels, ...]
    truth: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    sample_ids: tuple[str, ...]
    digests: tuple[str, ...]
    given_parts: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    generated: bool = False
    sites: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def counts(self) -> dict[str, int]:
        """Images of each class, in label order."""
        found = Counter(self.truth.tolist())
        return {label: found.get(k, 0) for k, label in enumerate(self.labels)}

    def subset(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Self:
        """Return the images at `rows`, in that order; the labels stay."""
        chosen = [int(row) for row in rows]
        return type(self)(
            names=tuple(self.names[k] for k in chosen),
            pixels=tuple(self.pixels[k] for k in chosen),
            truth=self.truth[chosen],
            labels=self.labels,
            sample_ids=tuple(self.sample_ids[k] for k in chosen),
            digests=tuple(self.digests[k] for k in chosen),
            given_parts=tuple(self.given_parts[k] for k in chosen) if self.given_parts else (),
            generated=self.generated,
            sites=tuple(self.sites[k] for k in chosen) if self.sites else (),
        )


def read_images(folder: Path | str, splits: Path | str | None = None) -> LabelledImages:
    """Read a folder of labelled images.

    Parameters
    ----------
    folder
        One sub-folder per class. ``samples.csv`` (or ``truth.csv``) in it, with the columns ``image`` and ``sample_id``, names the
        water sample of each image; a column ``station`` its site.
    splits
        Folder with ``classes.txt`` (one class a line, in label order) and ``train.txt``, ``val.txt``, ``test.txt`` (lines
        ``class/file.jpg index``); by default `folder` itself where it holds a ``classes.txt``. A ``/`` in a class name is a ``+``
        in its folder's name and in the label (Egg/Cyst becomes Egg+Cyst).

    Raises
    ------
    DatasetError
        When there are fewer than two classes with images, or the class list and the split files contradict each other.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise DatasetError(
            f"{root} is not a folder. Give the folder that holds one sub-folder of images per class."
        )
    lists = Path(splits).expanduser() if splits else root if (root / CLASSES).is_file() else None
    rejected: list[Rejected] = []
    if lists is not None:
        labels, entries = _listed(lists, rejected)
    else:
        labels, entries = _class_folders(root, rejected)
    samples = _sample_table(root)
    kept: list[tuple[str, Pixels, int, str, str, str]] = []
    for name, index, part in entries:
        try:
            picture, digest = read_file(root, name)
        except UnreadableError as error:
            rejected.append(Rejected(name, str(error)))
            continue
        kept.append((name, picture, index, samples.get(name, ("", ""))[0], digest, part))
    if len({row[2] for row in kept}) < 2:
        raise DatasetError(
            f"{root} holds readable images of fewer than two classes, and training needs at least 2. Expected one sub-folder per class"
            f"{f' ({len(rejected)} files were left out; {rejected[0].image}: {rejected[0].reason})' if rejected else ''}."
        )
    names, pixels, truth, sample_ids, digests, parts = zip(*kept, strict=True)
    return LabelledImages(
        names,
        pixels,
        np.array(truth, np.int64),
        labels,
        sample_ids,
        digests,
        parts if any(parts) else (),
        tuple(rejected),
        sites=_sites([samples.get(name, ("", ""))[1] for name in names]),
    )


def data_digest(images: LabelledImages, parts: Sequence[str] | npt.NDArray[np.str_]) -> str:
    """Return ``sha256:<hex>`` over every file's content, class and part: equal digests mean the same experiment."""
    lines = sorted(
        f"{digest} {images.labels[k]} {part}"
        for digest, k, part in zip(images.digests, images.truth, parts, strict=True)
    )
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


Entry = tuple[str, int, str]


def _class_folders(root: Path, rejected: list[Rejected]) -> tuple[tuple[str, ...], list[Entry]]:
    # Sorted by name: the order of a directory listing is arbitrary, and label order is what a model stands on.
    folders = sorted(child for child in root.iterdir() if child.is_dir() and not child.name.startswith("."))
    kept = [child for child in folders if any(_images_below(child))]
    rejected += [Rejected(child.name, "folder without image files") for child in folders if child not in kept]
    labels = tuple(child.name for child in kept)
    entries = [
        (path.relative_to(root).as_posix(), index, "")
        for index, child in enumerate(kept)
        for path in sorted(_images_below(child))
    ]
    return labels, entries


def _images_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _listed(folder: Path, rejected: list[Rejected]) -> tuple[tuple[str, ...], list[Entry]]:
    labels = read_classes(folder / CLASSES)
    entries: list[Entry] = []
    seen: dict[str, str] = {}
    for file, part in SPLIT_FILES.items():
        if not (folder / file).is_file():
            continue
        for number, line in enumerate((folder / file).read_text(encoding="utf-8-sig").splitlines(), 1):
            if not line.strip():
                continue
            name, index = _split_line(folder / file, number, line, labels)
            if name in seen:
                reason = (
                    f"listed twice, in {seen[name]} and {file}"
                    if seen[name] != file
                    else f"listed twice in {file}"
                )
                rejected.append(Rejected(name, reason + "; kept once"))
                continue
            seen[name] = file
            entries.append((name, index, part))
    if not entries:
        raise DatasetError(f"{folder} holds {CLASSES} but none of {', '.join(SPLIT_FILES)} lists an image.")
    return labels, sorted(entries)


def read_classes(path: Path) -> tuple[str, ...]:
    """Return the class names of a ``classes.txt``, one a line, in label order, ``/`` written as ``+``."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{path} cannot be read ({error}). Expected a text file with one class name a line."
        ) from None
    labels = tuple(line.strip().replace("/", "+") for line in lines if line.strip())
    repeated = [label for label, count in Counter(labels).items() if count > 1]
    if len(labels) < 2 or repeated:
        what = f"names {repeated[0]} twice" if repeated else f"names {len(labels)} class(es)"
        raise DatasetError(f"{path} {what}. Expected at least two different class names, one a line.")
    return labels


def _split_line(path: Path, number: int, line: str, labels: tuple[str, ...]) -> tuple[str, int]:
    raw, _, last = line.strip().rpartition(" ")
    if not raw or not last.isdigit() or int(last) >= len(labels):
        raise DatasetError(
            f"{path}, line {number}: {line.strip()[:80]!r}. Expected `class/file.jpg index` with an index below {len(labels)} "
            f"(the number of classes in {CLASSES})."
        )
    index = int(last)
    label = labels[index]
    folder, file = _folder_and_file(raw, label)
    if folder not in ("", label):
        raise DatasetError(
            f"{path}, line {number}: the image lies in {folder!r}, but index {index} is {label!r} in {CLASSES}. The order of the class "
            "list and of the indices differ."
        )
    name = PurePosixPath(folder, file)
    if name.is_absolute() or ".." in name.parts:
        raise DatasetError(f"{path}, line {number}: {raw[:80]!r} leads out of the data folder.")
    return name.as_posix(), index


def _folder_and_file(raw: str, label: str) -> tuple[str, str]:
    """Split ``Egg/Cyst/x.jpg`` and ``Egg+Cyst/x.jpg`` alike into the class's folder and the file."""
    for written in (label, label.replace("+", "/")):
        if raw.startswith(written + "/"):
            return label, raw[len(written) + 1 :]
    head, slash, tail = raw.rpartition("/")
    return (head, tail) if slash else ("", tail)


def _sites(stations: list[str]) -> tuple[str, ...]:
    return tuple(stations) if any(stations) else ()


def _sample_table(root: Path) -> dict[str, tuple[str, str]]:
    """Return image -> (sample, station) of the first sample table there is."""
    for file in SAMPLE_TABLES:
        path = root / file
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            if not {"image", "sample_id"} <= set(reader.fieldnames or ()):
                raise DatasetError(
                    f"{path}: expected the columns image and sample_id, found {reader.fieldnames}."
                )
            return {
                row["image"]: ((row["sample_id"] or "").strip(), (row.get("station") or "").strip())
                for row in reader
            }
    return {}
