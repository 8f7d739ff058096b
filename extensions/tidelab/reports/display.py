"""Displayable HTML: one look on all faces, everything escaped.

A view builds :class:`markupsafe.Markup`; whatever is formatted into it is escaped by that class, so a file name such as
``<img src=x onerror=...>.png`` is text wherever it is shown.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Displayable:
    """A piece of HTML that shows itself in Lab, in the app and in the report.

    Parameters
    ----------
    html
        Escaped HTML.
    text
        The same in words, for a reader without HTML (a terminal, a screen reader's plain view, ``git diff``).
    """

    html: Markup
    text: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return the representations that IPython shows."""
        return {"text/html": str(self.html), "text/plain": self.text}


@cache
def stylesheet() -> str:
    """Return the style sheet that all views share."""
    return (_HERE / "style.css").read_text(encoding="utf-8")


def section(body: Markup, text: str, *classes: str) -> Displayable:
    """Wrap a view's body: style sheet, prefixed classes, a region that screen readers can find.

    The style sheet goes with each view because in Lab each output stands alone.
    """
    names = " ".join(("tl-view", *classes))
    style = Markup("<style>{}</style>").format(Markup(stylesheet()))  # noqa: S704 (our own file)
    return Displayable(style + Markup('<section class="{}">{}</section>').format(names, body), text)


def note(body: str | Markup, kind: str = "info") -> Markup:
    """Return a paragraph set apart; `kind` is ``info`` or ``warn``."""
    return Markup('<p class="tl-note tl-note-{}">{}</p>').format(kind, body)


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str | Markup]],
    *,
    numeric: Sequence[int] = (),
    caption: str = "",
) -> Markup:
    """Return an HTML table. `numeric` are the positions of columns that are set right; `caption` says what it shows."""
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_cell_class(i in numeric), header)
        for i, header in enumerate(headers)
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup("<td{}>{}</td>").format(_cell_class(i in numeric), cell) for i, cell in enumerate(row)
            )
        )
        for row in rows
    )
    title = Markup("<caption>{}</caption>").format(caption) if caption else Markup("")
    return Markup(
        '<div class="tl-scroll"><table class="tl-table">{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(title, head, body)


def picture(data: bytes, alt: str, media_type: str = "image/jpeg", css: str = "tl-thumb") -> Markup:
    """Return an image that carries its own bytes, or a frame with words where there are none."""
    if not data:
        return Markup('<span class="{} tl-missing" role="img" aria-label="{}">no picture</span>').format(
            css, alt
        )
    encoded = base64.b64encode(data).decode("ascii")
    return Markup('<img class="{}" alt="{}" src="data:{};base64,{}">').format(css, alt, media_type, encoded)


def _cell_class(numeric: bool) -> Markup:
    return Markup(' class="tl-num"') if numeric else Markup("")
