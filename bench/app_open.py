"""How long a visitor waits until the app can be used, against the two ways it is done elsewhere; in one run.

    .tidelab/envs/dev/bin/python bench/app_open.py --visits 5

Three pages are visited in turn, each in a fresh browser context, from the request to the first control that is enabled:

- ``tidelab``: the app of flowcam-plankton, as the apps service gives it (a kernel is kept ready, models live in the run);
- ``stock``: stock Voila with a notebook that imports TensorFlow and loads an Xception in the visitor's kernel, as published
  apps do;
- ``empty``: stock Voila with a notebook that holds one button: the floor.

Medians, the ratio stock / tidelab and the seconds above the empty page are printed, and written with ``--json``. The machine
should be idle; the ratio bears other work better than the seconds do.
"""

import argparse
import contextlib
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tidelab import paths

_START_S = 120
_WAIT_MS = 120_000
_BUTTON = "import ipywidgets\nipywidgets.Button(description='Analyse')"
_STOCK = (
    "import keras\nmodel = keras.models.load_model({model!r})\nimport pandas, matplotlib.pyplot\n" + _BUTTON
)
_MAKE_MODEL = (
    "import sys, keras\n"
    "keras.applications.Xception(weights=None, classes=6, input_shape=(96, 96, 3)).save(sys.argv[1])\n"
)


def free_port() -> int:
    """Return a port of this computer that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_notebook(path: Path, source: str, kernel: str) -> Path:
    """Write a notebook of one cell."""
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    path.write_text(
        json.dumps({"cells": [cell], "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5})
    )
    return path


@contextlib.contextmanager
def serving(command: list[str], env: dict[str, str], url: str, log: Path) -> Iterator[None]:
    """Run a server while the block runs; it is ended with its kernels."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env=env, stdout=stream, stderr=stream, cwd=log.parent)
        try:
            until = time.monotonic() + _START_S
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=30):
                    break
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(
                        f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}"
                    )
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(60)


def visit(browser: Browser, url: str, selector: str) -> float:
    """Return the seconds from the request to the first enabled control."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    start = time.perf_counter()
    page.goto(url, wait_until="commit", timeout=_WAIT_MS)
    page.wait_for_selector(selector, timeout=_WAIT_MS)
    seconds = time.perf_counter() - start
    page.close(run_before_unload=True)
    context.close()
    return seconds


def measure(folder: Path, visits: int, pause: float, chromium: str) -> dict[str, list[float]]:
    """Start the three servers and visit each in turn."""
    lab, token = paths.env_python("lab"), secrets.token_hex(8)
    model = folder / "xception.keras"
    subprocess.run(
        [str(paths.env_python("tensorflow")), "-c", _MAKE_MODEL, str(model)], check=True, capture_output=True
    )
    stock = write_notebook(folder / "stock.ipynb", _STOCK.format(model=str(model)), "tidelab-tensorflow")
    empty = write_notebook(folder / "empty.ipynb", _BUTTON, "tidelab-analyse")
    ports = {name: free_port() for name in ("tidelab", "stock", "empty")}
    env = {
        **os.environ,
        "TIDELAB_DATA": str(folder / "data"),
        "JUPYTER_TOKEN": token,
        "TIDELAB_APPS_PERSON": "bench",
    }
    env["JUPYTERHUB_SERVICE_URL"] = f"http://127.0.0.1:{ports['tidelab']}"
    app = f"http://127.0.0.1:{ports['tidelab']}/flowcam-plankton?token={token}"
    pages = {
        "tidelab": (app, "button.tl-analyse:not([disabled])"),
        "stock": (f"http://127.0.0.1:{ports['stock']}/", "button.jupyter-button:not([disabled])"),
        "empty": (f"http://127.0.0.1:{ports['empty']}/", "button.jupyter-button:not([disabled])"),
    }
    voila = [str(lab), "-m", "voila", "--no-browser", "--token="]
    with contextlib.ExitStack() as stack:
        stack.enter_context(serving([str(lab), "-m", "tidelab.apps"], env, app, folder / "tidelab.log"))
        for name, notebook in (("stock", stock), ("empty", empty)):
            command = [*voila, f"--port={ports[name]}", str(notebook)]
            stack.enter_context(serving(command, dict(os.environ), pages[name][0], folder / f"{name}.log"))
        driver = stack.enter_context(sync_playwright())
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        stack.callback(browser.close)
        seconds: dict[str, list[float]] = {name: [] for name in pages}
        for number in range(visits + 1):
            for name, (url, selector) in pages.items():
                taken = visit(browser, url, selector)
                # The first round fills the disk cache for all alike and is not counted.
                if number:
                    seconds[name].append(taken)
                time.sleep(pause)
    return seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=5, help="visits of each page")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between visits")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tl-open-") as folder:
        seconds = measure(Path(folder), options.visits, options.pause, options.chromium)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    found = {
        "seconds": seconds,
        "median": median,
        "stock_over_tidelab": median["stock"] / median["tidelab"],
        "above_empty_s": median["tidelab"] - median["empty"],
        "load": os.getloadavg(),
    }
    for name, values in seconds.items():
        print(f"{name:8} median {median[name]:6.2f} s   {', '.join(f'{value:.2f}' for value in values)}")
    print(
        f"stock / tidelab = {found['stock_over_tidelab']:.2f}; tidelab is {found['above_empty_s']:.2f} s above an empty page"
    )
    print(f"load of the machine: {found['load'][0]:.1f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
