"""What a person takes away: the tables, everything in one zip, and the run in the formats of others."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section
from tidelab.runs import RunError, RunFolder
from tidelab.runs.files import write_text
from tidelab.runs.own_products import outdated, product_problems
from tidelab.runs.package import determinations_csv

if TYPE_CHECKING:
    from tidelab.exports import Export, Exported, Progress
    from tidelab.runs.own_products import Product

_EMBEDDED_BYTES: Final = 20_000_000
"""Largest table that is embedded in a report; a larger one lies beside it only."""

_TORN_AFTER_S: Final = 3600
_EVERYTHING: Final = "package"
_NAMES: Final = "determinations.csv"
_TABLES: Final = (
    ("results.csv", "Results (CSV)", "one row per image"),
    ("counts.csv", "Counts (CSV)", "one row per class, as the model named them"),
    ("failed_files.csv", "Failed files (CSV)", "what could not be used, and why"),
)

_OBJECT_TABLES: Final = (
    ("results.csv", "Results (CSV)", "one row per object, with its box"),
    ("pictures.csv", "Pictures (CSV)", "one row per picture, those without an object included"),
    ("detections.csv", "All detections (CSV)", "every stored object, those below the threshold included"),
)
_MEASURED: Final = ("objects.csv", "Measurements (CSV)", "what was measured of each object")


@dataclass(frozen=True)
class Download:
    """One file to take away.

    Parameters
    ----------
    name
        Name that the downloaded file gets.
    title, detail
        What it is, in a few words and in a sentence.
    media_type
        Its media type.
    make
        Returns the file, with notes; makes it where it is made on demand, and then tells how far it is.
    reason
        Why it cannot be had, in a sentence; empty where it can.
    passing
        Whether the file is made for one download only, and removed after it.
    """

    name: str
    title: str
    detail: str
    media_type: str
    make: "Callable[[Progress | None], Exported]"
    reason: str = ""
    passing: bool = False

    def path(self) -> Path:
        """Return the file; makes it where it is made on demand."""
        return self.make(None).path


def downloadable(run: RunFolder) -> list[Download]:
    """Return the files of a run that is over: tables, everything in one zip, and each format it can be exported to.

    A format that cannot be had is there too, last and with the reason.
    """
    from tidelab.exports import EXPORTS

    exports = [export for export in EXPORTS.values() if export.name != _EVERYTHING]
    return [
        *(Download(name, title, detail, "text/csv", _existing(run.path / name)) for name, title, detail in _tables(run)),
        Download(_NAMES, "Names in force (CSV)", "what the model said, what people said, who and when", "text/csv", _names(run)),
        Download(f"{run.request.use_case}-{run.run_id}.zip", "Everything (zip)", "with methods paragraph and citation",
                 "application/zip", _package(run)),
        *(Download(_plain(one.name), one.title, _made(one), one.media_type, _existing(one.path)) for one in run.products()),
        *(Download(f"missing-{number}", "A file of this use case", "could not be made", "text/plain", _existing(run.path), problem)
          for number, problem in enumerate(product_problems(run), 1)),
        *sorted((_exported(run, export) for export in exports), key=lambda file: bool(file.reason)),
    ]  # fmt: skip


def _tables(run: RunFolder) -> Iterator[tuple[str, str, str]]:
    tables = (*_OBJECT_TABLES, *_TABLES[1:]) if run.finds_objects else _TABLES
    yield from (one for one in (*tables, _MEASURED) if one in _TABLES or (run.path / one[0]).is_file())


def _made(product: "Product") -> str:
    return "made by this use case" + (", before people said more" if product.stale else "")


def _plain(name: str) -> str:
    """Return the name of a product as a browser saves it: without folders."""
    return name.replace("/", "-")


def downloads(run: RunFolder) -> Displayable:
    """Return links that carry the tables themselves, so that they work in a file that was sent by mail.

    In Lab and app the same place holds buttons (``tidelab.widgets``), which also give the zip and the other formats; a report names
    the command that writes them, because images do not belong into a page.
    """
    links, words = [], []
    for file in downloadable(run):
        data = _embedded(run, file)
        if data is None:
            continue
        words.append(f"{file.name}: {file.detail}")
        if len(data) > _EMBEDDED_BYTES:
            links.append(
                Markup("<p>{} lies beside this report ({}).</p>").format(file.name, numbers.size(len(data)))
            )
            continue
        encoded = base64.b64encode(data).decode("ascii")
        links.append(
            Markup(
                '<a class="tl-download" download="{}" href="data:text/csv;charset=utf-8;base64,{}">{} — {}</a>'
            ).format(file.name, encoded, file.title, numbers.size(len(data)))
        )
    formats = list(_formats(run))
    words += [f"{title}: {how}" for title, how in formats]
    listed = Markup("").join(Markup("<li>{}: {}</li>").format(title, how) for title, how in formats)
    others = [one for one in run.products() if one.media_type != "text/csv"]
    if others:
        listed_ = "; ".join(f"{one.title} (products/{one.name}, {numbers.size(one.size)})" for one in others)
        links.append(note(f"Beside this report and in the package: {listed_}."))
        words += [f"products/{one.name}: {one.title}" for one in others]
    problems = product_problems(run)
    old = outdated(run)
    if old:
        # In Lab and app the same place holds a button.
        problems = [f"{old} Make them again with: tidelab runs remake {run.run_id}", *problems]
    words += problems
    warned = Markup("").join(note(problem, "warn") for problem in problems)
    body = (
        warned
        + Markup("").join(links)
        + Markup(
            '<details class="tl-formats"><summary>In other formats</summary><ul>{}</ul></details>'
        ).format(listed)
    )
    return section(body, "\n".join(words), "tl-downloads-view")


def _formats(run: RunFolder) -> Iterator[tuple[str, Markup]]:
    from tidelab.exports import EXPORTS

    for export in EXPORTS.values():
        reason = _reason(export, run)
        command = f"tidelab export {run.run_id} {export.name}"
        yield (
            export.title,
            Markup("{}").format(reason) if reason else Markup("<code>{}</code>").format(command),
        )


def _embedded(run: RunFolder, file: Download) -> bytes | None:
    """Return the bytes of a table that a report carries; None for what it does not carry or what is not there."""
    if file.name == _NAMES:
        try:
            return determinations_csv(run).encode("utf-8")
        except RunError:
            return None
    if file.media_type != "text/csv" or file.passing or file.reason:
        return None
    path = file.path()
    return path.read_bytes() if path.is_file() else None


def _names(run: RunFolder) -> "Callable[[Progress | None], Exported]":
    def make(progress: "Progress | None") -> "Exported":
        from tidelab.exports import Exported

        path = run.path / "products" / _NAMES
        path.parent.mkdir(exist_ok=True)
        write_text(path, determinations_csv(run))
        return Exported(path)

    return make


def _existing(path: Path) -> "Callable[[Progress | None], Exported]":
    def make(progress: "Progress | None") -> "Exported":
        from tidelab.exports import Exported

        if path.is_symlink():
            raise RunError(f"{path.name} is a link, and files of a run are none. Analyse the images again.")
        return Exported(path)

    return make


def _package(run: RunFolder) -> "Callable[[Progress | None], Exported]":
    def make(progress: "Progress | None") -> "Exported":
        from tidelab.exports import Exported

        return Exported(run.package())

    return make


def _exported(run: RunFolder, export: "Export") -> Download:
    name = export.file_name(run)

    def make(progress: "Progress | None") -> "Exported":
        folder = run.path / "products"
        folder.mkdir(exist_ok=True)
        _remove_torn(folder, name)
        return export.write(run, folder / name, progress)

    reason = _reason(export, run)
    return Download(name, export.title, export.detail, export.media_type, make, reason, passing=True)


def _remove_torn(folder: Path, name: str) -> None:
    """Remove what an export left that was killed; one that is being written now is younger."""
    for left in folder.glob(f".{name}-*"):
        with suppress(OSError):
            if time.time() - left.lstat().st_mtime > _TORN_AFTER_S:
                left.unlink()


def _reason(export: "Export", run: RunFolder) -> str:
    try:
        return export.available(run)
    except RunError as error:
        return str(error)
