"""The parts of a bundle: code, champion, image, wheels."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.containers.offline.errors import BundleError
from tidelab.environments import Environment
from tidelab.environments.model import get_environment, pins

_CODE: Final = ("pyproject.toml", "README.md", "LICENSE", "tidelab", "extensions", "voila-apps", "images")
_LEFT_OUT: Final = ("__pycache__", "node_modules", "*.pyc", ".ipynb_checkpoints", ".pytest_cache")
_LAST_WORDS: Final = 5


def copy_code(use_case: UseCase, folder: Path) -> None:
    """Copy the toolkit and one use case; hub, tests and the other use cases stay."""
    folder.mkdir(parents=True)
    ignored = shutil.ignore_patterns(*_LEFT_OUT)
    for name in _CODE:
        source = paths.checkout() / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored, symlinks=False)
        elif source.is_file():
            shutil.copy2(source, folder / name)
    shutil.copytree(use_case.folder, folder / "notebooks" / use_case.slug, ignore=ignored)


def copy_champion(use_case: UseCase, folder: Path) -> str:
    """Copy the published champion, if there is one; return the model's name in words.

    Raises
    ------
    BundleError
        When what is published cannot be read.
    """
    folder.mkdir(parents=True)
    home = paths.champions() / paths.safe_name(use_case.model.registered_name)
    file = home / "champion.json"
    if not file.exists():
        return "the demonstration model (nothing is published for this use case)"
    try:
        published = json.loads(file.read_bytes())
        version, bundle = str(published["version"]), (home / str(published["folder"])).resolve()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{file} cannot be read ({error}); publish the champion again.") from error
    if not bundle.is_relative_to(home.resolve()) or not bundle.is_dir():
        raise BundleError(f"{file} names a folder that is not there: {bundle}. Publish the champion again.")
    target = folder / home.name
    shutil.copytree(bundle, target / bundle.relative_to(home.resolve()))
    shutil.copy2(file, target / file.name)
    return f"{use_case.model.registered_name}, version {version}"


def save_image(name: str, file: Path) -> None:
    """Write an image with ``docker save``; raises `BundleError`."""
    file.parent.mkdir(parents=True)
    command = ["docker", "save", "--output", str(file), name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise BundleError(
            "There is no `docker` on this machine. Leave the image out (--no-image), or make the bundle where Docker is."
        ) from None
    if done.returncode:
        words = " ".join(done.stderr.split())[-400:]
        missing = "no such image" in words.lower() or "reference does not exist" in words.lower()
        advice = (
            f"Build it: tidelab images build {name.rpartition('/')[2].partition(':')[0]}."
            if missing
            else words
        )
        raise BundleError(f"The image {name} could not be saved. {advice}")


def fetch_wheels(environments: Sequence[str], folder: Path) -> None:
    """Download everything that some environments' locks name, checked against the locks' digests.

    What exists as source alone is built where it is installed; what that takes comes along too.

    Raises
    ------
    BundleError
        With pip's last words.
    """
    folder.mkdir(parents=True)
    for name in environments:
        environment = get_environment(name)
        lock = environment.lock(python_version())
        pip = paths.env_python(name)
        if not pip.exists():
            raise BundleError(
                f"The environment {name} is not installed here. Run: tidelab env install {name}"
            )
        _download(pip, name, folder, "--no-deps", "--require-hashes", "-r", str(lock))
        if environment.variant("cpu").by_machine:
            _download_by_machine(pip, environment, lock, folder)
        if any(file.suffix != ".whl" for file in folder.iterdir()):
            _download(pip, name, folder, "--no-deps", "setuptools", "wheel")


def _download_by_machine(python: Path, environment: Environment, lock: Path, folder: Path) -> None:
    """Fetch what is installed by name, in the build for this machine, with what only that build needs."""
    with tempfile.TemporaryDirectory() as scratch:
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text(
            "".join(f"{name}=={version}\n" for name, version in pins(lock).items()), "utf-8"
        )
        _download(
            python,
            environment.name,
            folder,
            "--constraint",
            str(constraints),
            *environment.variant("cpu").by_machine,
        )


def _download(python: Path, name: str, folder: Path, *what: str) -> None:
    command = [str(python), "-m", "pip", "download", "--quiet", "--dest", str(folder), *what]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        words = "\n".join(done.stderr.strip().splitlines()[-_LAST_WORDS:])
        raise BundleError(f"The packages of {name} could not be fetched. pip said:\n{words}")


def python_version() -> str:
    """Return the Python of the analysis environment, e.g. ``3.11``: wheels fit that version alone."""
    import sys

    return f"{sys.version_info.major}.{sys.version_info.minor}"
