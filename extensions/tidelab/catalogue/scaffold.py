"""Makes the folder of a new use case from the template, or from a use case that exists."""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tidelab import paths
from tidelab.catalogue._base import SLUG_LENGTHS, SLUG_PATTERN
from tidelab.catalogue.errors import ScaffoldError, shorten
from tidelab.catalogue.load import DECLARATION, load_usecase
from tidelab.catalogue.usecase import UseCase

TEMPLATE = "_template"
_TEXT_SUFFIXES = (".yaml", ".yml", ".ipynb", ".json", ".md", ".py", ".txt", ".csv", ".toml")
_SKIPPED = ("__pycache__", ".ipynb_checkpoints", ".git")


def new_usecase(slug: str, title: str, author: str, into: Path, source: Path) -> UseCase:
    """Make ``into/<slug>`` from a template and return the new use case.

    The folder appears complete or not at all.

    Parameters
    ----------
    slug
        Its short name.
    title
        Its title, for people.
    author
        Who is named as its author.
    into
        Folder whose children are use cases.
    source
        A template (its text holds ``{{slug}}``, ``{{title}}``, ``{{author}}``), or an existing use case to start from.

    Raises
    ------
    ScaffoldError
        The slug or title is not possible, the folder exists, the source is no template.
    UseCaseError
        The source is broken: what it makes could not be read.
    """
    _check(slug, title, author, into, source)
    target = into / slug
    with tempfile.TemporaryDirectory(dir=into, prefix=f".{slug}-") as temporary:
        made = Path(temporary) / slug
        _copy(source, made, _words(source, slug, title, author))
        load_usecase(made)
        if target.exists():
            raise ScaffoldError(f"{target} exists; nothing was written. Choose another name.")
        made.rename(target)
    return load_usecase(target)


def find_source(name: str) -> Path:
    """Return the folder that ``--from`` names: a template or use case of the catalogue, or a path."""
    for parent in paths.usecase_folders():
        if re.fullmatch(r"[a-z0-9_-]+", name) and (parent / name / DECLARATION).is_file():
            return parent / name
    return Path(name).expanduser().resolve()


def _check(slug: str, title: str, author: str, into: Path, source: Path) -> None:
    if not re.fullmatch(SLUG_PATTERN, slug) or not SLUG_LENGTHS[0] <= len(slug) <= SLUG_LENGTHS[1]:
        rule = "3 to 30 lower-case letters, digits and single hyphens; a letter first, no hyphen last (e.g. noise-vessels)"
        raise ScaffoldError(f"{shorten(slug)} cannot be the name of a use case: it must have {rule}.")
    for name, value, limit in (("title", title, 80), ("author", author, 200)):
        if not value.strip() or len(value) > limit or not value.isprintable() or "{{" in value:
            raise ScaffoldError(
                f"The {name} {shorten(value)} is not possible: one line of 1 to {limit} characters."
            )
    if not (source / DECLARATION).is_file():
        raise ScaffoldError(
            f"{source} is not a template: it has no {DECLARATION}. Leave --from out for the project's own."
        )
    if not into.is_dir():
        raise ScaffoldError(f"{into} is not a folder. Make it first, or choose another with --into.")
    if (into / slug).exists() or (into / slug).is_symlink():
        raise ScaffoldError(
            f"{into / slug} exists; nothing was written. Choose another name, or remove it yourself."
        )


def _words(source: Path, slug: str, title: str, author: str) -> dict[re.Pattern[str], str]:
    text = (source / DECLARATION).read_text(encoding="utf-8", errors="replace")
    if "{{slug}}" in text:
        words = {"{{slug}}": slug, "{{title}}": title, "{{author}}": author}
        return {re.compile(re.escape(word)): value for word, value in words.items()}
    model = load_usecase(source)
    return {
        re.compile(rf"(?<![A-Za-z0-9/.-]){re.escape(model.slug)}(?![A-Za-z0-9-])"): slug,
        re.compile(rf"maintainers-{re.escape(model.slug)}(?![A-Za-z0-9-])"): f"maintainers-{slug}",
        re.compile("|".join({re.escape(model.title), re.escape(_escaped(model.title))})): title,
    }


def _copy(source: Path, target: Path, words: Mapping[re.Pattern[str], str]) -> None:
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.is_symlink() or path.name in _SKIPPED:
            continue
        if path.is_dir():
            _copy(path, target / _replaced(path.name, words, ""), words)
        elif path.suffix in _TEXT_SUFFIXES:
            text = path.read_text(encoding="utf-8")
            (target / path.name).write_text(_replaced(text, words, path.suffix), encoding="utf-8")
        else:
            shutil.copyfile(path, target / path.name)


def _replaced(text: str, words: Mapping[re.Pattern[str], str], suffix: str) -> str:
    for pattern, value in words.items():
        shown = _escaped(value) if suffix in (".ipynb", ".json", ".yaml") else value
        # A function, because a replacement text would be searched for group references.
        text = pattern.sub(lambda _, shown=shown: shown, text)  # type: ignore[misc]
    return text


def _escaped(value: str) -> str:
    """Return a text as it stands between the quotes of JSON and of double-quoted YAML, which escape alike."""
    return json.dumps(value, ensure_ascii=False)[1:-1]
