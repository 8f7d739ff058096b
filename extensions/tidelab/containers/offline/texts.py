"""What a bundle says, and its one script. POSIX shell, because a ship's machine may have nothing else."""

from importlib.resources import files
from typing import Final

from tidelab.catalogue import UseCase

SETTINGS: Final = """\
# What your analyses are counted as when you hand in the receipts. One NAME=value a line; everything may stay empty.
TIDELAB_PERSON_KIND=vessel
TIDELAB_INSTITUTION=
TIDELAB_COUNTRY=
# Name of the ship or place: it names your receipts.
PLACE=
# Port of the app on this machine.
PORT=8866
"""


def script(slug: str, stack: str, image: str) -> str:
    """Return ``tidelab.sh`` for one use case; `image` is empty where none is in the bundle."""
    text = files("tidelab.containers.offline").joinpath("tidelab.sh").read_text(encoding="utf-8")
    return text.replace("@USE_CASE@", slug).replace("@STACK@", stack).replace("@IMAGE@", image)


def start_here(use_case: UseCase, model: str, *, image: bool, wheels: bool, python: str) -> str:
    """Return the text a person reads first."""
    ways = [
        *(["  with Docker: nothing else is needed"] if image else []),
        *(
            [f"  without Docker: Python {python} with venv (Debian: python{python}-venv), about 2 GB of disk"]
            if wheels
            else []
        ),
    ]
    return f"""\
{use_case.title}
{"=" * len(use_case.title)}
{use_case.summary}

This folder analyses images without a network. Model: {model}.
What it needs on the machine, one of:
{chr(10).join(ways)}

Check that everything arrived:        ./tidelab.sh check
The app, in a browser on this machine: ./tidelab.sh app
A report of a folder of images:       ./tidelab.sh report FOLDER-OF-IMAGES FOLDER-FOR-THE-REPORT

Results of the app lie in data/runs. Nothing leaves this folder.
In settings.env you may say which ship or institution this is.

Back on land: ./tidelab.sh receipts
writes receipts-....jsonl. Send it to your hub's admin, who runs `tidelab usage merge FILE`. Handing it in twice counts once.

--no-docker as the first word uses Python even where Docker is: ./tidelab.sh --no-docker app
"""
