"""What a person takes away: the table, the failed files, everything in one zip."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from tidelab.reports import numbers
from tidelab.reports.display import Displayable, section
from tidelab.runs import RunFolder

_EMBEDDED_BYTES: Final = 20_000_000
"""Largest table that is embedded in a report; a larger one lies beside it only."""


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
    path
        Returns the file; makes it where it is made on demand.
    """

    name: str
    title: str
    detail: str
    media_type: str
    path: Callable[[], Path]


def downloadable(run: RunFolder) -> list[Download]:
    """Return the files of a finished run that a person may take away."""
    package_name = f"{run.request.use_case}-{run.run_id}.zip"
    return [
        Download("results.csv", "Results (CSV)", "one row an image", "text/csv", lambda: run.path / "results.csv"),
        Download("counts.csv", "Counts (CSV)", "one row a class", "text/csv", lambda: run.path / "counts.csv"),
        Download("failed_files.csv", "Failed files (CSV)", "what could not be used, and why", "text/csv",
                 lambda: run.path / "failed_files.csv"),
        Download(package_name, "Everything (zip)", "with methods paragraph and citation", "application/zip", run.package),
    ]  # fmt: skip


def downloads(run: RunFolder) -> Displayable:
    """Return links that carry the tables themselves, so that they work in a file that was sent by mail.

    In Lab and app the same place holds buttons (``tidelab.widgets``), which also give the zip.
    """
    links, words = [], []
    for file in downloadable(run):
        path = run.path / file.name
        if file.media_type != "text/csv" or not path.exists():
            continue
        data = path.read_bytes()
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
    return section(Markup("").join(links), "\n".join(words), "tl-downloads-view")
