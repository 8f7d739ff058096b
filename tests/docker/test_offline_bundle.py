"""The offline bundle of flowcam-plankton at its full size, with the network off: both ways of running it, and its receipts."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import wait_for
from tests.support.images import PREFIX, Images
from tidelab.catalogue import load_catalogue
from tidelab.containers.offline import Made, make_bundle

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1500)]
SLUG = "flowcam-plankton"


@pytest.fixture(scope="module")
def bundle(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("ship") / "a bundle"
    made = make_bundle(load_catalogue()[SLUG], folder, prefix=PREFIX)
    print(
        {name: f"{size / 1e6:.0f} MB" for name, size in made.part_bytes.items()},
        f"{made.size_bytes / 1e6:.0f} MB in all",
    )
    yield made
    shutil.rmtree(folder)


def script(folder: Path, *words: str, offline: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the bundle's script; without Docker in a network name space that has no network (needs root)."""
    command = [str(folder / "tidelab.sh"), *words]
    if offline:
        command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "-", *command]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "TIDELAB_PURPOSE": "test"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("switching the network off takes root")


def test_without_docker_the_report_is_made_and_the_receipts_count_once(bundle: Made, tmp_path: Path) -> None:
    needs_root()
    assert script(bundle.folder, "check").returncode == 0
    done = script(bundle.folder, "--no-docker", "report", "sample", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "48 images analysed." in done.stdout
    assert (tmp_path / "out" / "report.html").stat().st_size > 50_000
    assert script(bundle.folder, "receipts").returncode == 0
    receipts = next(bundle.folder.glob("receipts-*.jsonl"))
    from tidelab.runs.usage import merge_events

    assert (merge_events(receipts).added, merge_events(receipts).known) == (1, 1)


def test_with_docker_the_same_numbers(bundle: Made, tmp_path: Path) -> None:
    # The container itself has no network (--network none).
    done = script(bundle.folder, "report", "sample", str(tmp_path / "docker"), offline=False)
    assert done.returncode == 0, done.stderr[-2000:]
    again = script(bundle.folder, "--no-docker", "report", "sample", str(tmp_path / "python"), offline=False)
    assert again.returncode == 0, again.stderr[-2000:]
    results = [(tmp_path / way / "results.csv").read_bytes() for way in ("docker", "python")]
    assert results[0] == results[1]


def test_the_app_answers_in_a_machine_without_a_network(bundle: Made, tmp_path: Path) -> None:
    needs_root()
    settings = bundle.folder / "settings.env"
    settings.write_text(settings.read_text().replace("PORT=8866", "PORT=18866"))
    command = [
        "unshare",
        "--net",
        "sh",
        "-c",
        'ip link set lo up && exec "$@"',
        "-",
        str(bundle.folder / "tidelab.sh"),
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(bundle.folder.parent), "TIDELAB_PURPOSE": "test"}
    # A pipe that nobody reads would stop the app when it is full of the log.
    said = tmp_path / "said"
    with said.open("w") as out:
        process = subprocess.Popen(
            [*command, "--no-docker", "app"], stdout=out, stderr=out, env=environment, start_new_session=True
        )
    try:
        address = wait_for(
            lambda: re.search(r"^Open (\S+)", said.read_text(), re.MULTILINE), "the app's address"
        )[1]
        assert re.fullmatch(rf"http://127\.0\.0\.1:18866/{SLUG}/\?token=[0-9a-f]{{32}}", address)
        page = within(process.pid, address)
        assert "Phytoplankton from FlowCam images" in page
        # Whoever has no token is sent to sign in.
        refused = within(
            process.pid, address.partition("?")[0], "--output", "/dev/null", "--write-out", "%{http_code}"
        )
        assert refused == "302"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def within(pid: int, address: str, *options: str) -> str:
    """Open an address in the network of a process; return what curl prints."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        done = subprocess.run(
            ["nsenter", "--net", "--target", str(pid), "curl", "--max-time", "20", "--silent", "--fail", *options, address],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return done.stdout
        time.sleep(1)
    raise AssertionError(f"no answer from {address.partition('?')[0]}")


def test_what_the_bundle_says_of_itself(bundle: Made) -> None:
    described = json.loads((bundle.folder / "bundle.json").read_text())
    assert described["use_case"] == SLUG
    assert described["image"].endswith(f"/{SLUG}:analyse-cpu")
