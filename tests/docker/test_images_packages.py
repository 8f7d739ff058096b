"""Packages: those that a person installs survive in the home, those that a use case needs are in its image; curated ones stay."""

import base64
import contextlib
import functools
import hashlib
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import pytest
from docker.errors import ContainerError
from docker.models.containers import Container

from tests.support.images import PREFIX, SECOND, Images, run_cli
from tests.support.stub_hub import StubHub, wait_until_answers

ANALYSE = "/opt/tidelab-envs/analyse/bin/python"
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def hub(engine: docker.DockerClient) -> Iterator[StubHub]:
    with StubHub(engine) as running:
        yield running


@pytest.fixture(scope="module")
def container(hub: StubHub, images: Images, tmp_path_factory: pytest.TempPathFactory) -> Container:
    """Return a running server whose home holds the wheels of two versions of a tiny package and of another numpy."""
    parent = tmp_path_factory.mktemp("people")
    for folder in (*parent.parents, parent):
        if folder.owner() != "root" or folder.name.startswith("pytest-of"):
            folder.chmod(0o755)
    home = parent / "ada"
    home.mkdir()
    home.chmod(0o777)
    for name, version, code in (
        ("tidelab_tiny", "1.0", "answer = 42"), ("tidelab_tiny", "2.0", "answer = 43"), ("numpy", "1.0", "__version__ = '1.0'"),
    ):  # fmt: skip
        make_wheel(home / "wheels", name, version, code)
    running = hub.run(images.flowcam, str(home))
    wait_until_answers(running)
    return running


def make_wheel(folder: Path, name: str, version: str, code: str, requires: str = "") -> Path:
    """Write a wheel by hand (PEP 427): one module, its metadata, its record."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)  # whatever this process was told to keep to itself: the container's account reads it
    info = f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{name}.py": code + "\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    file = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    file.chmod(0o644)
    return file


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def shell(container: Container, command: str, *, login: bool = False) -> tuple[int, str]:
    """Run a line as a terminal of the Lab (a login shell) or a kernel's ``!`` does."""
    done = container.exec_run(["/bin/bash", "-lc" if login else "-c", f"cd && {command}"])
    return done.exit_code, done.output.decode()


def in_kernel(container: Container, *cells: str) -> str:
    """Run cells in a kernel of the stack, as notebooks do; return what they printed."""
    script = (
        "import sys\n"
        "from jupyter_client.manager import start_new_kernel\n"
        "manager, client = start_new_kernel(kernel_name='tidelab-analyse')\n"
        "show = lambda m: print(m['content'].get('text', '') or m['content'].get('evalue', ''), end='')\n"
        "[client.execute_interactive(cell, output_hook=show, timeout=120) for cell in sys.argv[1:]]\n"
        "manager.shutdown_kernel(now=True)\n"
    )
    return str(container.exec_run(["/opt/tidelab-envs/lab/bin/python", "-c", script, *cells]).output.decode())


def test_installed_in_a_notebook_used_at_once_and_after_a_restart(container: Container) -> None:
    said = in_kernel(
        container,
        "%pip install --no-index ~/wheels/tidelab_tiny-1.0-py3-none-any.whl",
        "import tidelab_tiny; print('answer', tidelab_tiny.answer)",
    )
    assert "answer 42" in said
    assert ".tidelab/packages/analyse-py311" in said
    container.restart(timeout=5)
    wait_until_answers(container)
    assert "answer 42" in in_kernel(container, "import tidelab_tiny; print('answer', tidelab_tiny.answer)")


def test_a_terminal_s_pip_is_the_stack_s_and_upgrades_and_removes(container: Container) -> None:
    code, said = shell(
        container, "pip install --no-index ~/wheels/tidelab_tiny-2.0-py3-none-any.whl", login=True
    )
    assert code == 0, said
    assert (
        shell(container, "python -c 'import tidelab_tiny; print(tidelab_tiny.answer)'", login=True)[1].strip()
        == "43"
    )
    assert (
        shell(container, "ls -d ~/.tidelab/packages/*/lib/*/site-packages/*.dist-info | wc -l")[1].strip()
        == "1"
    )
    code, said = shell(container, "pip uninstall -y tidelab-tiny", login=True)
    assert "Successfully uninstalled" in said
    assert shell(container, "python -c 'import tidelab_tiny'", login=True)[0] == 1


def test_another_version_of_a_curated_package_is_refused_with_a_sentence(container: Container) -> None:
    code, said = shell(container, "pip install --no-index ~/wheels/numpy-1.0-py3-none-any.whl", login=True)
    assert code != 0
    assert "a request for another version of one of them is refused" in said
    assert "numpy" in said


def test_a_curated_package_is_not_removed(container: Container) -> None:
    said = shell(container, "pip uninstall -y numpy", login=True)[1]
    assert "outside environment" in said
    assert shell(container, "python -c 'import numpy'", login=True)[0] == 0


def test_one_that_was_forced_in_is_harmless(container: Container) -> None:
    code, said = shell(
        container,
        "PIP_CONSTRAINT= pip install --no-deps --ignore-installed --no-index ~/wheels/numpy-1.0-py3-none-any.whl",
        login=True,
    )
    assert code == 0, said
    used = in_kernel(container, "import numpy, onnxruntime; print(numpy.__version__, numpy.__file__)")
    version, file = used.splitlines()[-1].split()
    assert version.startswith("2.")
    assert file.startswith("/opt/tidelab-envs/")


def test_removing_the_folder_removes_everything(container: Container) -> None:
    assert shell(container, "rm -rf ~/.tidelab/packages && python -c 'import numpy'", login=True)[0] == 0
    assert (
        shell(container, "ls ~/.tidelab/packages/*/lib/*/site-packages | wc -l", login=True)[1].split()[-1]
        == "0"
    )


def test_ones_own_virtual_environment_keeps_its_own_pip(container: Container) -> None:
    code, said = shell(
        container,
        "python -m venv /tmp/mine && /tmp/mine/bin/pip install --no-index ~/wheels/tidelab_tiny-1.0-py3-none-any.whl && "
        "/tmp/mine/bin/python -c 'import tidelab_tiny; print(tidelab_tiny.__file__)'",
        login=True,
    )
    assert code == 0, said
    assert said.split()[-1].startswith("/tmp/mine/")


def test_a_use_case_s_own_requirements_are_in_its_image_and_in_no_other(
    engine: docker.DockerClient, images: Images, tmp_path: Path
) -> None:
    """The registry is a folder that this machine serves, so the digests, the address and pip are real."""
    wheel = make_wheel(tmp_path / "simple", "tidelab_tiny", "1.0", "answer = 42")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    index = tmp_path / "index" / "tidelab-tiny"
    index.mkdir(parents=True)
    (index / wheel.name).write_bytes(wheel.read_bytes())
    (index / "index.html").write_text(f"<a href='{wheel.name}#sha256={digest}'>{wheel.name}</a>")
    folder = images.usecases / SECOND
    try:
        with serving(tmp_path / "index") as address:
            (folder / "requirements.txt").write_text(f"tidelab-tiny==1.0 --hash=sha256:{digest}\n")
            done = run_cli(
                "build",
                SECOND,
                "--prefix",
                PREFIX,
                usecases=images.usecases,
                PIP_INDEX_URL=address,
                NO_PROXY="127.0.0.1",
            )
            assert done.returncode == 0, done.stdout + done.stderr
        script = "import tidelab_tiny as t; print(t.answer, t.__file__)"
        said = engine.containers.run(images.second, [ANALYSE, "-c", script], remove=True).decode()
        assert said.split() == ["42", "/opt/tidelab-envs/usecase/tidelab_tiny.py"]
        history = ["docker", "history", "--no-trunc", images.second]
        assert address not in subprocess.run(history, capture_output=True, text=True, check=True).stdout
        with pytest.raises(ContainerError, match="No module named"):
            engine.containers.run(images.flowcam, [ANALYSE, "-c", script], remove=True)
    finally:
        (folder / "requirements.txt").unlink()
        again = run_cli("build", SECOND, "--prefix", PREFIX, usecases=images.usecases)
    assert again.returncode == 0


def test_published_weights_are_in_the_image_verified(
    engine: docker.DockerClient, images: Images, tmp_path: Path
) -> None:
    weights = b"published weights, or so they say" * 1000
    folder = images.usecases / SECOND
    declaration = (folder / "usecase.yaml").read_text()
    place = tmp_path / "shared" / "weights" / "tiny-net"
    place.mkdir(parents=True)
    (place / "tiny.h5").write_bytes(weights)
    published = (
        "  published:\n    - name: tiny-net\n      title: Tiny\n      url: https://example.org/tiny.h5\n      file: tiny.h5\n"
        f"      sha256: {hashlib.sha256(weights).hexdigest()}\n      framework: keras\n      licence: CC0-1.0\n      citation: nobody\n"
        "      preprocessing: {size_px: 64, crop: centre-square, mean: [0.0, 0.0, 0.0], scale: [255.0, 255.0, 255.0]}\n"
    )
    build = ("build", SECOND, "--prefix", PREFIX)
    try:
        head, model, rest = declaration.partition("\nmodel:\n")
        (folder / "usecase.yaml").write_text(head + model + published + rest)
        done = run_cli(*build, "--weights", usecases=images.usecases, TIDELAB_DATA=str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr
        script = (
            "from tidelab.catalogue import load_catalogue; from tidelab.training.published import fetch\n"
            f"f = fetch(load_catalogue()[{SECOND!r}].model.published[0]); print(f.file, f.first)"
        )
        said = engine.containers.run(images.second, [ANALYSE, "-c", script], remove=True).decode()
        assert said.split() == ["/opt/tidelab-weights/tiny-net/tiny.h5", "False"]
        (place / "tiny.h5").write_bytes(weights[:-1])
        wrong = run_cli(*build, "--weights", usecases=images.usecases, TIDELAB_DATA=str(tmp_path))
        assert wrong.returncode == 1
        assert "sha256" in wrong.stderr
    finally:
        (folder / "usecase.yaml").write_text(declaration)
        run_cli(*build, usecases=images.usecases)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder as a package index."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Keep the tests' output readable."""
