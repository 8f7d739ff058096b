"""How the command line speaks: plain sentences, and tables that a terminal shows well and a script can read."""

import sys
from collections.abc import Iterable, Sequence

import typer


def say(text: str) -> None:
    """Print a line to standard output, as it is: no markup, no wrapping."""
    typer.echo(text)


def warn(text: str) -> None:
    """Print a line to standard error."""
    typer.echo(text, err=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: drawn in a terminal, tab-separated with a header line in a pipe."""
    rows = [tuple(_line(cell) for cell in row) for row in rows]
    if not sys.stdout.isatty():
        for row in (tuple(headers), *rows):
            say("\t".join(row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*headers, box=box.SIMPLE_HEAD, header_style="bold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


def _line(cell: str) -> str:
    return "".join(char if char.isprintable() else " " for char in cell)
