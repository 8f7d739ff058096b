"""Make the folder: aside, checked, and visible under its name only when it is complete."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tidelab import __version__
from tidelab.catalogue import UseCase
from tidelab.containers.names import use_case_image
from tidelab.containers.offline import parts, texts
from tidelab.containers.offline.errors import BundleError

SUMS: Final = "SHA256SUMS"
DESCRIPTION: Final = "bundle.json"
SCRIPT: Final = "tidelab.sh"
START: Final = "START HERE.txt"
SETTINGS: Final = "settings.env"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """A finished bundle: its folder, its size in bytes, and the size of each part."""

    folder: Path
    size_bytes: int
    part_bytes: dict[str, int]


def make_bundle(
    use_case: UseCase,
    out: Path,
    *,
    image: bool = True,
    wheels: bool = True,
    prefix: str = "tidelab",
    say: Say = print,
) -> Made:
    """Write everything that one use case's app and reports need into a folder.

    Parameters
    ----------
    use_case
        Its analysis stack alone is taken along; retraining stays on the hub.
    out
        The folder to make; it must not exist.
    image, wheels
        Whether it runs with Docker (the image, as `docker save` writes it) and without (the packages, as wheels).
    prefix
        Of the image's name (`tidelab.containers.names`).
    say
        Is told what is being done.

    Raises
    ------
    BundleError
        What is missing or went wrong, and what to do. Nothing is left behind.
    """
    if out.exists():
        raise BundleError(f"{out} exists already; name a folder that does not, or remove it.")
    if not image and not wheels:
        raise BundleError("A bundle needs the image (for Docker), the packages (without Docker), or both.")
    aside = out.with_name(f".{out.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        _fill(use_case, aside, image=image, wheels=wheels, prefix=prefix, say=say)
        say("Computing checksums.")
        _write_sums(aside)
        aside.replace(out)
    except OSError as error:
        raise BundleError(
            f"The bundle could not be written: {error.strerror or error}: {error.filename or out}."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    sizes = {part.name: _size(part) for part in sorted(out.iterdir())}
    return Made(out, sum(sizes.values()), sizes)


def _fill(use_case: UseCase, folder: Path, *, image: bool, wheels: bool, prefix: str, say: Say) -> None:
    stack = use_case.stacks.analyse
    name = use_case_image(use_case.slug, (stack,), "cpu", prefix)
    say("Copying the code and the use case.")
    parts.copy_code(use_case, folder / "code")
    model = parts.copy_champion(use_case, folder / "champions")
    if image:
        say(f"Saving the image {name}.")
        parts.save_image(name, folder / "image" / "image.tar")
    if wheels:
        say("Fetching the packages.")
        parts.fetch_wheels(("lab", stack), folder / "wheels")
    description = {
        "use_case": use_case.slug,
        "title": use_case.title,
        "tidelab": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": model,
        "image": name if image else None,
        "python": parts.python_version() if wheels else None,
    }
    (folder / DESCRIPTION).write_text(
        json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    script = folder / SCRIPT
    script.write_text(texts.script(use_case.slug, stack, name if image else ""), encoding="utf-8")
    script.chmod(0o755)
    (folder / SETTINGS).write_text(texts.SETTINGS, encoding="utf-8")
    (folder / START).write_text(
        texts.start_here(use_case, model, image=image, wheels=wheels, python=parts.python_version()),
        encoding="utf-8",
    )


def _write_sums(folder: Path) -> None:
    """Write what ``sha256sum --check`` reads; people edit the settings, so they are not in it."""
    lines = [
        f"{_digest(file)}  {file.relative_to(folder).as_posix()}\n"
        for file in _files(folder)
        if file.name != SETTINGS
    ]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _files(folder: Path) -> Sequence[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _size(part: Path) -> int:
    return sum(file.stat().st_size for file in (_files(part) if part.is_dir() else [part]))
