"""``tidelab convert`` and ``tidelab check-annotations``: annotations of pictures from one format to another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tidelab.cli._output import say, table, warn

if TYPE_CHECKING:
    from tidelab.formats.annotations import Dataset, Fault

_SHOWN_FAULTS = 20

ImagesOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the pictures: for their sizes, and for formats that hold them.", metavar="FOLDER"
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="FORMAT", help="What IN is; without it that is found out."),
]


def convert(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[IN]", help="A file, folder or zip of annotations; without it the formats are listed."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Argument(metavar="[OUT]", help="File or folder to write to.")] = None,
    given: FromOption = None,
    wanted: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="FORMAT", help="What OUT shall be; without it IN is only read and told."
        ),
    ] = None,
    images: ImagesOption = None,
    pictures: Annotated[
        Literal["copy", "link", "none"],
        typer.Option(help="Copy pictures into formats that hold them, link to them, or leave them."),
    ] = "copy",
    force: Annotated[bool, typer.Option("--force", help="Replace what is at OUT.")] = False,
) -> None:
    """Convert annotations of pictures.

    COCO, YOLO, CVAT, Pascal VOC, class folders, VIAME CSV and BIIGLE CSV. Says what was read, and what the target cannot carry.
    """
    from tidelab.formats.annotations import FORMATS, read, write

    if source is None:
        rows = [
            (one.name, one.title, one.ending or "folder", ", ".join(sorted(one.shapes)))
            for one in FORMATS.values()
        ]
        table(("FORMAT", "TITLE", "IS A", "SHAPES"), rows)
        return
    for name, option in ((given, "--from"), (wanted, "--to")):
        if name is not None and name not in FORMATS:
            raise typer.BadParameter(
                f"there is no format {name!r}; the formats: {', '.join(FORMATS)}", param_hint=option
            )
    if (out is None) != (wanted is None):
        raise typer.BadParameter("give OUT and --to, or neither of them", param_hint="OUT")
    dataset = read(source, given, images=images)
    _tell(source, dataset)
    if out is None or wanted is None:
        return
    notes = write(dataset, out, wanted, images=images, pictures=pictures, force=force)
    for note in notes:
        warn(f"Note: {note}")
    say(str(out))


def check_annotations(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, folder or zip of annotations.")],
    given: FromOption = None,
    images: ImagesOption = None,
) -> None:
    """Check annotations of pictures.

    One line a fault: file, line or element, field, what is wrong. The exit code is 1 when there is one.
    """
    from tidelab.formats.annotations import check

    faults = check(path, given, images=images)
    for fault in faults:
        say(str(fault))
    if faults:
        warn(f"{path.name}: {_count(len(faults), 'fault')}. What is faulty is left out when it is read.")
        raise typer.Exit(1)
    say(f"{path.name}: no fault found.")


def _tell(source: Path, dataset: "Dataset") -> None:
    summary = dataset.summary()
    say(f"{source}: {dataset.format}")
    say(
        f"{_count(summary.images, 'picture')} ({summary.negatives} without annotations), "
        f"{_count(summary.annotations, 'annotation')}"
    )
    if any(summary.per_part):
        parts = ", ".join(f"{name or 'undivided'} {count}" for name, count in summary.per_part.items())
        say(f"pictures for: {parts}")
    if summary.per_shape:
        say("shapes: " + ", ".join(f"{name} {count}" for name, count in summary.per_shape.items()))
    table(("CLASS", "ANNOTATIONS"), [(name, str(count)) for name, count in summary.per_label.items()])
    for note in dataset.notes:
        warn(f"Note: {note}")
    _warn_faults(dataset.faults)


def _warn_faults(faults: "tuple[Fault, ...]") -> None:
    for fault in faults[:_SHOWN_FAULTS]:
        warn(f"Fault: {fault}")
    if len(faults) > _SHOWN_FAULTS:
        warn(
            f"... and {len(faults) - _SHOWN_FAULTS} more; `tidelab check-annotations` lists all. What is faulty is left out."
        )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
