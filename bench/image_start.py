"""How long a server's container needs from ``docker run`` to the first answer of its JupyterLab, and what the image's choices save.

    .tidelab/envs/dev/bin/python bench/image_start.py --runs 7

Each variant is started in turn, so other work on the machine meets all of them. Medians (and the range) are printed, of seconds and of
the processor seconds of the container until then, which other work on the machine hardly changes:

- ``tidelab``: the image with its command, home preparation included;
- ``all extensions``: the same server with every installed server extension loaded, as stock images do;
- ``stock packages``: all extensions, and with the package ``rfc3987-syntax`` that stock images have and whose import builds a grammar;
  fetched by pip, and left out where it cannot be;
- ``python``: a container that imports asyncio, tornado and traitlets and ends: the floor.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import docker
import psutil

from tests.support.stub_hub import StubHub, wait_until_answers

LAB = "/opt/tidelab-envs/lab/bin/python"
WITHOUT = ("voila.server_extension", "jupyter_lsp", "notebook_shim")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", default="tidelab/flowcam-plankton:analyse-cpu")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    client = docker.from_env()
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, StubHub(client) as hub:
        variants = {"tidelab": (tidelab_command(), {}), "all extensions": (all_extensions(), {})}
        if grammar := fetch_grammar(Path(folder) / "grammar"):
            variants["stock packages"] = (all_extensions(), {"PYTHONPATH": str(grammar)})
        for number in range(options.runs):
            for name, (command, environment) in variants.items():
                home = Path(folder) / f"{name}-{number}".replace(" ", "-")
                found.setdefault(name, []).append(start(hub, options.image, home, command, environment))
            found.setdefault("python", []).append((floor(client, options.image), float("nan")))
    for name, values in found.items():
        seconds, cpu = zip(*values, strict=True)
        print(
            f"{name:16} {statistics.median(seconds):5.2f} s ({min(seconds):.2f} to {max(seconds):.2f})   cpu {statistics.median(cpu):5.2f} s"
        )
    if options.json:
        options.json.write_text(json.dumps(found))


def fetch_grammar(folder: Path) -> Path | None:
    """Return a folder with the package that our locks leave out."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "rfc3987-syntax"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return folder
    print(f"stock packages: left out, pip could not fetch rfc3987-syntax ({done.stderr.strip()[-120:]})")
    return None


def tidelab_command() -> list[str]:
    """Return the image's own command."""
    return [LAB, "-m", "tidelab.workspace", "start", "--use-case", "flowcam-plankton"]


def all_extensions() -> list[str]:
    """Return the same command, with the extensions that it leaves out switched on again."""
    code = (
        "import sys; from tidelab import workspace; original = workspace.server_command\n"
        f"on = ['--ServerApp.jpserver_extensions=%s=True' % name for name in {WITHOUT!r}]\n"
        "workspace.server_command = lambda *a: [x for x in original(*a) if 'jpserver_extensions' not in x] + on\n"
        "sys.exit(workspace.main(['start', '--use-case', 'flowcam-plankton']))"
    )
    return [LAB, "-c", code]


def start(
    hub: StubHub, image: str, home: Path, command: list[str], environment: dict[str, str]
) -> tuple[float, float]:
    """Return the seconds from the engine's create to the first answer, with a home that is new, and processor seconds until then."""
    home.mkdir()
    home.chmod(0o777)
    more = {folder: {"bind": folder, "mode": "ro"} for folder in environment.values()}
    started = time.monotonic()
    container = hub.run(image, str(home), command=command, environment=environment, mounts_to_read=more)
    wait_until_answers(container)
    took = time.monotonic() - started
    cpu = processor_seconds(int(container.attrs["State"]["Pid"]))
    container.remove(force=True)
    return took, cpu


def processor_seconds(pid: int) -> float:
    """Return what a process and its living descendants computed, ended ones included."""
    whole = psutil.Process(pid)
    times = [process.cpu_times() for process in (whole, *whole.children(recursive=True))]
    return float(sum(t.user + t.system + t.children_user + t.children_system for t in times))


def floor(client: docker.DockerClient, image: str) -> float:
    """Return the seconds of a container that imports what every server needs."""
    started = time.monotonic()
    client.containers.run(image, [LAB, "-c", "import asyncio, tornado, traitlets"], remove=True)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
