"""One plain page with a heading and a sentence, for everything that is not a page of its own."""

from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{again}<title>{title}</title><style>
body {{ font: 17px/1.6 system-ui, sans-serif; color: #17313b; background: #f4f7f8; margin: 0; }}
main {{ max-width: 38rem; margin: 15vh auto 0; padding: 2rem; background: #fff; border: 1px solid #d5e0e4;
  border-radius: 10px; }}
h1 {{ font-size: 1.35rem; margin: 0 0 .6rem; }} a {{ color: #0b6477; }}
</style></head><body><main><h1>{title}</h1><p>{text}</p>{link}</main></body></html>
"""


def message_page(title: str, text: str, home: str, reload_s: int | None = None) -> str:
    """Return the page; everything is escaped. No link without `home`; it tries again after `reload_s` seconds, if given."""
    link = f'<p><a href="{escape(home)}">Back to the home page</a></p>' if home else ""
    again = f'<meta http-equiv="refresh" content="{reload_s:d}">' if reload_s is not None else ""
    return _PAGE.format(title=escape(title), text=escape(text), link=link, again=again)
