"""The command: looks everywhere, writes the result, prints the sentence; exit status 1 where the GPU cannot be used."""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tidelab.environments.gpu_check.driver import SECONDS as DRIVER_S
from tidelab.environments.gpu_check.driver import DriverDevice, DriverError, driver_devices
from tidelab.environments.gpu_check.frameworks import SECONDS as FRAMEWORK_S
from tidelab.environments.gpu_check.frameworks import FrameworkView, look_in
from tidelab.environments.gpu_check.lease import VARIABLE, LeaseUnreadableError, expected
from tidelab.environments.gpu_check.verdict import ADVICE, Result, judge


def check(
    variable: str, kernels: dict[str, str], driver_s: float = DRIVER_S, framework_s: float = FRAMEWORK_S
) -> Result:
    """Look everywhere and judge.

    Parameters
    ----------
    variable
        Value of ``TIDELAB_LEASE``.
    kernels
        Kernel -> interpreter.
    driver_s, framework_s
        How long the driver, and each framework of each kernel, may take to answer, seconds.
    """
    try:
        lease = expected(variable)
    except LeaseUnreadableError as error:
        return Result("failed", f"What the hub says of this server's lease cannot be read: {error}. {ADVICE}")
    if lease is None or lease.simulated:
        return judge(lease, [], [])
    driver: list[DriverDevice] | DriverError
    try:
        driver = driver_devices(driver_s)
    except DriverError as error:
        driver = error
    views: list[FrameworkView] = []
    # A driver that hangs makes each framework hang as well; three minutes each would tell nothing new.
    if not isinstance(driver, DriverError) or driver.absent:
        for kernel, python in kernels.items():
            views += look_in(kernel, python, framework_s)
    return judge(lease, driver, views)


def write(file: Path, record: dict[str, Any]) -> None:
    """Replace a file atomically; only its owner may read it."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".gpu-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(record, stream)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _kernel(text: str) -> tuple[str, str]:
    name, _, python = text.rpartition("=")
    if not name or not python:
        raise argparse.ArgumentTypeError(f"expected NAME=PYTHON, not {text!r}")
    return name, python


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tidelab.environments.gpu_check", description="Is the leased GPU there?"
    )
    parser.add_argument(
        "--kernel",
        action="append",
        default=[],
        type=_kernel,
        metavar="NAME=PYTHON",
        help="a kernel to look in",
    )
    parser.add_argument("--out", type=Path, help="file that gets the result, JSON")
    given = parser.parse_args(arguments)
    began = time.time()
    result = check(os.environ.get(VARIABLE, ""), dict(given.kernel))
    record = {**asdict(result), "checked": began, "seconds": round(time.time() - began, 1)}
    if given.out:
        write(given.out, record)
    print("\n".join((result.text, *result.details)))
    return 1 if result.level == "failed" else 0


if __name__ == "__main__":
    sys.exit(main())
