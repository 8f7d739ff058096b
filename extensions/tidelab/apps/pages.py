"""Pages of words: busy, not there, not installed. Small enough to need no template."""

from html import escape
from typing import Final

_STYLE: Final = (
    "body{margin:0;font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#17242d;background:#f6f9fa}"
    "main{max-width:36rem;margin:14vh auto 0;padding:2rem;background:#fff;border:1px solid #d3dce1;border-radius:.8rem}"
    "h1{font-size:1.35rem;margin:0 0 .6rem}p{line-height:1.55}a{color:#0b6680}"
)


def message_page(title: str, text: str, home: str = "", reload_s: int | None = None) -> str:
    """Return a page with a title and a sentence, both escaped.

    Parameters
    ----------
    title, text
        What is said.
    home
        Address of the hub's home page; no link when empty.
    reload_s
        Seconds after which the browser tries again; never when None.
    """
    again = f'<meta http-equiv="refresh" content="{reload_s:d}">' if reload_s is not None else ""
    link = f'<p><a href="{escape(home, quote=True)}">Back to the home page</a></p>' if home else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><p>{escape(text)}</p>{link}</main></body></html>"
    )
