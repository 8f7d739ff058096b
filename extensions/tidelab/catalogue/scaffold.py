"""Makes the folder of a new use case from the template, or from a use case that exists."""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
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
        A template (its text holds ``{{slug}}``, ``{{title}}``, ``{{author}}``), or an existing use case to start from: its own module is renamed
        with it, its sample is copied as it is, and its tests are left behind.

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


@dataclass(frozen=True)
class _Words:
    """What is renamed in a copy.

    Parameters
    ----------
    everywhere
        Pattern -> text, in all texts and in names of folders.
    code
        The same in Python files, where another word that is spelled like the slug is data (the name of an instrument, a file's prefix).
    left_alone
        Folders whose files are copied as they are.
    left_out
        Folders that are not copied.
    """

    everywhere: Mapping[str, str]
    code: Mapping[str, str]
    left_alone: tuple[str, ...] = ()
    left_out: tuple[str, ...] = _SKIPPED

    def applied(self, text: str, suffix: str) -> str:
        """Return a text of a file of this suffix with its words renamed, all at once, so that no new word is renamed again."""
        words = self.code if suffix == ".py" else self.everywhere
        values = list(words.values())

        def new(found: re.Match[str]) -> str:
            value = values[next(at for at, one in enumerate(found.groups()) if one is not None)]
            return _escaped(value) if suffix in (".ipynb", ".json", ".yaml") else value

        return re.sub("|".join(f"({pattern})" for pattern in words), new, text)


def _words(source: Path, slug: str, title: str, author: str) -> _Words:
    text = (source / DECLARATION).read_text(encoding="utf-8", errors="replace")
    if "{{slug}}" in text:
        names = {"slug": slug, "title": title, "author": author}
        words = {re.escape(f"{{{{{name}}}}}"): value for name, value in names.items()}
        return _Words(words, words)
    model = load_usecase(source)
    modules = _modules(model, slug)
    old = re.escape(model.slug)
    return _Words(
        {
            **modules,
            rf"(?<![\w/.-]){old}(?![\w-])": slug,
            rf"maintainers-{old}(?![\w-])": f"maintainers-{slug}",
            "|".join({re.escape(model.title), re.escape(_escaped(model.title))}): title,
        },
        {**modules, rf"""(?<=SLUG: Final = "){old}(?=")|(?<=SLUG = "){old}(?=")""": slug},
        # Pictures and tables of a sample say what they say; the tests are of the one that was copied.
        left_alone=("sample",),
        left_out=(*_SKIPPED, "tests"),
    )


def _modules(model: UseCase, slug: str) -> dict[str, str]:
    """Return what the module of a use case is called where it is imported, named in a declaration, or a folder."""
    name, new = model.slug.replace("-", "_"), slug.replace("-", "_")
    own = model.source_folder / name
    members = (
        {path.stem for path in own.glob("*") if path.suffix == ".py" or path.is_dir()}
        if own.is_dir()
        else set()
    )
    if not members:
        return {}
    parts = "|".join(sorted(re.escape(one) for one in members))
    # One word can be slug and module: it is the module where a part of it follows, where it is imported, and below src/.
    return {
        rf"(?<![\w/.-]){name}(?=\.(?:{parts})\b)": new,
        rf"(?<=\bfrom ){name}(?= import\b)|(?<=\bimport ){name}(?![\w-])": new,
        rf"(?<=src/){name}(?![\w-])": new,
    }


def _copy(source: Path, target: Path, words: _Words) -> None:
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.is_symlink() or path.name in words.left_out:
            continue
        if path.is_dir():
            # The name of a module's folder is known by where it lies.
            name = (
                words.applied(f"src/{path.name}", "").removeprefix("src/")
                if source.name == "src"
                else path.name
            )
            inside = _Words({}, {}) if path.name in words.left_alone else words
            _copy(path, target / name, inside)
        elif path.suffix in _TEXT_SUFFIXES and words.everywhere:
            text = path.read_text(encoding="utf-8")
            (target / path.name).write_text(words.applied(text, path.suffix), encoding="utf-8")
        else:
            shutil.copyfile(path, target / path.name)


def _escaped(value: str) -> str:
    """Return a text as it stands between the quotes of JSON and of double-quoted YAML, which escape alike."""
    return json.dumps(value, ensure_ascii=False)[1:-1]
