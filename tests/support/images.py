"""The project's own images for tests: built by the command that people use, from this checkout, once per content.

They carry the names that people's images have, so a machine where people work should not run the tests with its engine, or
name another prefix in ``TIDELAB_TEST_IMAGES``.
"""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tidelab import paths
from tidelab.catalogue.scaffold import find_source, new_usecase
from tidelab.containers import names

PREFIX = os.environ.get("TIDELAB_TEST_IMAGES", "tidelab")
FLOWCAM = "flowcam-plankton"
SECOND = "second-use-case"
BUILD_S = 1100.0


@dataclass(frozen=True)
class Images:
    """Names of the images under test; `second` is a use case made from the template, in the folder `usecases`.

    Parameters
    ----------
    said
        What the command printed.
    seconds
        What it took.
    """

    foundation: str
    lab: str
    environments: str
    stack: str
    flowcam: str
    second: str
    usecases: Path
    said: str
    seconds: float


def build_images(usecases: Path) -> Images:
    """Build the images of the use case FlowCam (its small server) and of a second use case that is made here."""
    if not (usecases / SECOND).exists():
        new_usecase(SECOND, "Second use case", "Test", usecases, find_source("_template"))
    started = time.monotonic()
    done = run_cli("build", FLOWCAM, SECOND, "--flavour", "small", "--prefix", PREFIX, usecases=usecases)
    assert done.returncode == 0, f"tidelab images build failed:\n{(done.stdout + done.stderr)[-4000:]}"
    stacks = ("analyse",)
    return Images(
        foundation=names.foundation_image(PREFIX),
        lab=names.environments_image("lab", PREFIX),
        environments=names.environments_image(names.stack_tag(stacks), PREFIX),
        stack=names.stack_image(stacks, "cpu", PREFIX),
        flowcam=names.use_case_image(FLOWCAM, stacks, "cpu", PREFIX),
        second=names.use_case_image(SECOND, stacks, "cpu", PREFIX),
        usecases=usecases,
        said=done.stdout,
        seconds=time.monotonic() - started,
    )


def run_cli(
    *arguments: str, usecases: Path | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run ``tidelab images ...`` as a person does, for CPUs."""
    given = {**os.environ, "TIDELAB_VARIANT": "cpu", **environment}
    if usecases is not None:
        given["TIDELAB_USECASES"] = str(usecases)
    command = [str(paths.env_python("dev").with_name("tidelab")), "images", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=given,
        timeout=BUILD_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
