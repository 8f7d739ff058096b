"""What the generated pages share: the note on top, and text that is no markup."""

MADE = "<!-- Made by `tidelab docs`; a test compares it with the code. Do not edit. -->\n"


def cell(text: str) -> str:
    """Return a text for one cell of a table; what stands in backquotes is left as it is, apart from ``|``."""
    parts = " ".join(text.replace("``", "`").split()).replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def plain(text: str) -> str:
    """Return an author's text as one line of Markdown in which nothing is markup."""
    line = " ".join(text.split()).replace("\\", "\\\\")
    for char in "`*_[]|#":
        line = line.replace(char, f"\\{char}")
    return line.replace("<", "&lt;")
