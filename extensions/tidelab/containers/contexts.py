"""Which files each kind of image is made from."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tidelab import paths
from tidelab.containers.content import Item, folder_items
from tidelab.containers.errors import ImageError
from tidelab.containers.names import Variant
from tidelab.environments import Environment
from tidelab.environments.model import canonical, pins

PYTHON: Final = "3.11"
"""Of the base image (Debian 12); the locks of this version are installed."""
_PROJECT: Final = ("pyproject.toml", "README.md", "LICENSE")
_INSTALLER: Final = ("__init__.py", "paths.py", "environments/*.py")
# The modules of the installer that decide what lies in an environment; a change of the others builds nothing again.
_DECIDING: Final = ("/build.py", "/kernels.py")


def scripts(folder: Path, place: str = "host") -> Iterator[Item]:
    """Yield a Dockerfile for the top of the context, and the scripts beside it for a folder (``host``: of a thrown-away stage)."""
    for item in folder_items(folder, "", ("*",)):
        yield Item(item.name if item.name == "Dockerfile" else f"{place}/{item.name}", item.source)


def installer(environment: Environment, variant: Variant) -> Iterator[Item]:
    """Yield what installing one environment needs of the project, and no more: other changes must not build it again."""
    root = paths.checkout()
    yield from (Item(f"project/{name}", root / name, counts=False) for name in _PROJECT)
    for item in folder_items(root / "extensions" / "tidelab", "project/extensions/tidelab", _INSTALLER):
        yield replace(item, counts=item.name.endswith(_DECIDING))
    yield from _locked(environment, variant)


def lock_of(environment: Environment, variant: Variant) -> Path:
    """Return the lock that an image of this variant installs; raises `ImageError` where it is missing."""
    own = variant if variant in environment.variants else "cpu"
    file = environment.lock(PYTHON, own)
    if not file.is_file():
        raise ImageError(f"{file} is missing: {environment.name} cannot be installed. Run: make lock")
    return file


def pins_of(environment: Environment, variant: Variant) -> dict[str, str]:
    """Return ``{canonical name: version}`` of all that an environment holds in an image: its lock, and what is installed by name."""
    named = dict(pin.split("==") for pin in environment.variant(variant).by_machine)
    return {
        **pins(lock_of(environment, variant)),
        **{canonical(name): version for name, version in named.items()},
    }


def wheels(
    environment: Environment, variant: Variant, places: Mapping[str, str] | None = None
) -> Iterator[Item]:
    """Yield the wheels on this machine's disk of what is installed by name, e.g. a build of torch for CPUs.

    Like the rest of how packages are reached they are in the stage that is thrown away, and in no digest.

    Parameters
    ----------
    environment, variant
        What is to be installed.
    places
        Variables, of which ``PIP_FIND_LINKS`` names folders; default: those of this process.
    """
    variables = os.environ if places is None else places
    folders = [Path(place) for place in variables.get("PIP_FIND_LINKS", "").split() if place.startswith("/")]
    for pin in environment.variant(variant).by_machine:
        name, _, version = pin.partition("==")
        known = re.compile(
            rf"{canonical(name).replace('-', '[-_.]')}-{re.escape(version)}(\+[\w.]+)?-(cp{PYTHON.replace('.', '')}|py3)-.*\.whl",
            re.IGNORECASE,
        )
        files = {file.name: file for folder in folders if folder.is_dir() for file in folder.iterdir()}
        yield from (
            Item(f"host/wheels/{found}", file, counts=False)
            for found, file in sorted(files.items())
            if known.fullmatch(found)
        )


def _locked(environment: Environment, variant: Variant) -> Iterator[Item]:
    for file in (environment.folder / "stack.toml", lock_of(environment, variant)):
        yield Item(f"project/images/{environment.name}/{file.name}", file)


def project(environments: Iterable[Environment], variant: Variant) -> Iterator[Item]:
    """Yield the project as kernels and servers need it: the toolkit and the apps, without the hub, tests and documents."""
    root = paths.checkout()
    yield from (Item(f"project/{name}", root / name) for name in (*_PROJECT, "tidelab"))
    yield from folder_items(root / "extensions" / "tidelab", "project/extensions/tidelab")
    yield from folder_items(root / "voila-apps", "project/voila-apps")
    panel = "extensions/jupyterlab-tidelab/labextension"
    yield from folder_items(root / panel, f"project/{panel}")
    for environment in environments:
        yield from _locked(environment, variant)


def authorities(bundle: Path | None) -> Iterator[Item]:
    """Yield a certificate a file, as ``update-ca-certificates`` wants them; a note where there is none (COPY needs a file)."""
    yield Item("ca/README", text="Certificate authorities given with `tidelab images build --ca-bundle`.\n")
    if bundle is None:
        return
    end = "-----END CERTIFICATE-----"
    try:
        text = bundle.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(
            f"{bundle} cannot be read as text ({error}). Give a file of PEM certificates."
        ) from None
    blocks = [
        part[part.index("-----BEGIN CERTIFICATE-----") :] + end
        for part in text.split(end)
        if "-----BEGIN CERTIFICATE-----" in part
    ]
    if not blocks:
        raise ImageError(f"{bundle} holds no PEM certificate (-----BEGIN CERTIFICATE-----).")
    for number, block in enumerate(blocks):
        yield Item(f"ca/tidelab-{number:03d}.crt", text=block + "\n")


def weights(slug: str, files: Iterable[Path]) -> Iterator[Item]:
    """Yield published weights for a use case's image, each as ``<name>/<file>``, with the digests that the build checks again.

    Parameters
    ----------
    slug
        The use case.
    files
        Verified files, each in the folder of its model, as `tidelab.training.published.fetch` keeps them.

    Raises
    ------
    ImageError
        A file that is not there.
    """
    digests = []
    for file in files:
        name = f"{file.parent.name}/{file.name}"
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ImageError(
                f"{file} cannot be read ({error.strerror}). Run: tidelab images weights {slug}"
            ) from None
        digests.append(f"{digest}  {name}\n")
        yield Item(f"usecase/{slug}/.weights/{name}", file)
    if digests:
        yield Item(f"usecase/{slug}/.weights/SHA256SUMS", text="".join(sorted(digests)))


def size_words(size: int) -> str:
    """Return bytes in words: GB from a billion on, else MB with one decimal.

    >>> size_words(1_530_000_000), size_words(1_400_000)
    ('1.53 GB', '1.4 MB')
    """
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
