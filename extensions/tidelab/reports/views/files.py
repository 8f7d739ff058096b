"""Files that could not be used, each with its reason and what to do."""

from typing import Final

from markupsafe import Markup

from tidelab.domain.results import FAILED_COLUMNS
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, section, table
from tidelab.runs import RunFolder

_MOST_ROWS: Final = 200


def failed_files(run: RunFolder) -> Displayable:
    """Return the table of files that could not be used; says so when there are none."""
    failed = run.failed_files()
    if failed.empty:
        return section(Markup("<p>None: every file could be used.</p>"), "No file failed.", "tl-failed")
    words = "\n".join(
        f"{name}: {reason}" for name, reason in zip(failed["image"], failed["reason"], strict=True)
    )
    return section(failed_table(run), words, "tl-failed")


def failed_table(run: RunFolder) -> Markup:
    """Return the rows of the table alone, for a view that shows them among other things."""
    failed = run.failed_files()
    shown = failed.head(_MOST_ROWS).fillna("")
    rows = [[str(value) for value in row] for row in shown[list(FAILED_COLUMNS)].itertuples(index=False)]
    body = table(["File", "What is wrong", "Expected", "What to do"], rows)
    if len(failed) > len(shown):
        body += Markup('<p class="tl-soft">{} more in failed_files.csv</p>').format(
            numbers.count(len(failed) - len(shown))
        )
    return body
