"""The documentation pages that are made from code and catalogue, so that they cannot say something else."""

import json
from pathlib import Path

from tidelab import paths
from tidelab.catalogue import load_catalogue, usecase_schema
from tidelab.cli.pages.command_line import cli_page
from tidelab.cli.pages.declaration import usecase_page
from tidelab.cli.pages.settings import settings_page
from tidelab.cli.pages.use_cases import catalogue_page


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
