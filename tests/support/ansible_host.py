"""A host to install on: a Debian container with systemd as its first process and an engine of its own inside.

The playbook runs inside it, against itself (`ansible/inventories/container`): nothing of the machine that runs the tests is touched, and
what is installed is the commit that lies in the checkout. The flags were tried on Docker 20.10 with cgroup v1: no ``--privileged``.
"""

import ast
import io
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from tests.support.hub import wait_for
from tidelab import paths

NAME = "lab.tidelab.test"
PREFIX = "tl-ansible"
BASE = "debian:bookworm-slim"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_FLAGS = (
    *(
        part
        for name in ("SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "MKNOD")
        for part in ("--cap-add", name)
    ),
    *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
    *(
        "--tmpfs",
        "/run",
        "--tmpfs",
        "/run/lock",
        "--tmpfs",
        "/tmp:exec",
        "--volume",
        "/sys/fs/cgroup:/sys/fs/cgroup:rw",
    ),
)
# What a server edition of Debian has, and nothing of ours; the units without a meaning in a container are off.
_DOCKERFILE = f"""
FROM {BASE}
COPY ca.crt /usr/local/share/ca-certificates/host.crt
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends ca-certificates curl dbus git iproute2 procps \\
    python3 python3-venv systemd systemd-sysv >/dev/null \\
    && systemctl mask getty@tty1.service console-getty.service systemd-udevd.service systemd-logind.service
STOPSIGNAL SIGRTMIN+3
CMD ["/sbin/init"]
"""
_RECAP = re.compile(r"ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)\s+skipped=(\d+)")
_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.*)\] \*+$", re.MULTILINE)


@dataclass(frozen=True)
class Played:
    """What one run of the playbook said at its end, and how long it took in seconds."""

    ok: int
    changed: int
    failed: int
    seconds: float
    output: str


class AnsibleHost:
    """The container; used in ``with``, which makes and removes it with all its volumes."""

    def __init__(self, variables: dict[str, Any], folder: Path) -> None:
        self.folder = folder
        self.name = f"{PREFIX}-{os.getpid()}"
        self.variables = variables
        self.log = folder / "log.txt"
        self._made = False

    def __enter__(self) -> Self:
        """Build the image, start the container, install Ansible inside, bring the base image of people's servers."""
        # A clone, for the checkout may change while this runs, and what is committed is what is installed.
        clone = [
            "git",
            "-c",
            f"safe.directory={paths.checkout()}",
            "clone",
            "--quiet",
            "--local",
            str(paths.checkout()),
        ]
        subprocess.run([*clone, f"{self.folder}/checkout"], check=True, capture_output=True, timeout=300)
        docker("build", "--quiet", "--network", "host", "--tag", f"{PREFIX}-host", "-", data=_context())
        mounts = [
            f"{self.folder}/checkout:/checkout:ro",
            f"{BUNDLE}:{BUNDLE}.host:ro",
            *(f"{place}:{place}:ro" for place in pip_places()),
        ]
        volumes = [
            part
            for mount in (*mounts, "/var/lib/docker", "/var/cache/tidelab")
            for part in ("--volume", mount)
        ]
        docker(
            "run", "--detach", "--name", self.name, "--hostname", PREFIX, *_FLAGS, *volumes, f"{PREFIX}-host"
        )
        self._made = True
        try:
            self.run("systemctl", "is-system-running", "--wait", check=False)
            self.write("/etc/pip.conf", pip_settings())
            self.run(
                "env",
                "TIDELAB_STATE=/root/ansible",
                "/checkout/tidelab",
                "env",
                "install",
                "ansible",
                "--progress",
                "none",
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        if self._made:
            docker("rm", "--force", "--volumes", self.name, check=False)
            docker("rmi", f"{PREFIX}-host", check=False)

    @property
    def address(self) -> str:
        """Its address on the bridge of the machine that runs the tests."""
        return docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", self.name).strip()

    def run(self, *command: str, check: bool = True, minutes: float = 30) -> str:
        """Run a command as root in it; return what it printed."""
        return docker("exec", self.name, *command, check=check, minutes=minutes)

    def write(self, path: str, text: str) -> None:
        """Write a file in it, mode 0600."""
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(text.encode()), 0o600
            archive.addfile(entry, io.BytesIO(text.encode()))
        docker("exec", "--interactive", self.name, "tar", "-x", "-C", "/", data=content.getvalue())

    def bring_base_image(self) -> None:
        """Give its engine the image that ours has: none can be pulled where the tests run."""
        with subprocess.Popen(["docker", "save", BASE], stdout=subprocess.PIPE) as saved:
            load = ["docker", "exec", "--interactive", self.name, "docker", "load"]
            subprocess.run(load, stdin=saved.stdout, check=True, capture_output=True, timeout=300)

    def play(self, *arguments: str, **variables: Any) -> Played:
        """Run the playbook; fail with its last words when it fails."""
        self.write("/root/variables.json", json.dumps(self.variables | variables))
        path = (
            "PATH=/root/ansible/envs/ansible/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        )
        command = [
            *(
                "env",
                path,
                "ANSIBLE_LOCAL_TEMP=/root/.ansible/tmp",
                "ansible-playbook",
                "-i",
                "inventories/container",
            ),
            *("site.yml", "--extra-vars", "@/root/variables.json", *arguments),
        ]
        started = time.monotonic()
        output = docker(
            "exec", "--workdir", "/checkout/ansible", self.name, *command, check=False, minutes=60
        )
        seconds = time.monotonic() - started
        with self.log.open("a") as log:
            log.write(output)
        recap = _RECAP.search(output)
        assert recap, f"the playbook did not end:\n{output[-4000:]}"
        ok, changed, unreachable, failed, _ = map(int, recap.groups())
        assert failed + unreachable == 0, output[-6000:]
        return Played(ok, changed, failed, seconds, output)

    def healthy(self) -> bool:
        """Whether its hub answers at this moment, through the proxy."""
        return "200" in self.run(
            *("curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}"),
            *("--resolve", f"{NAME}:443:127.0.0.1", f"https://{NAME}/hub/health"),
            check=False,
        )

    def wait_until_healthy(self, seconds: float = 180) -> None:
        """Wait until its hub answers."""
        wait_for(self.healthy, "the hub over TLS", seconds, every=1)

    @contextmanager
    def known_by_name(self) -> Iterator[None]:
        """Let this process find the host by its name, as a name server would."""
        real, address = socket.getaddrinfo, self.address

        def resolve(host: Any, *arguments: Any, **keywords: Any) -> Any:
            return real(address if host == NAME else host, *arguments, **keywords)

        with patch("socket.getaddrinfo", resolve):
            yield


def changed_tasks(output: str) -> list[str]:
    """Return the names of the tasks that changed something."""
    parts = _TASK.split(output)
    return [name for name, said in zip(parts[1::2], parts[2::2], strict=True) if "\nchanged: " in said]


def docker(*arguments: str, data: bytes | None = None, check: bool = True, minutes: float = 30) -> str:
    """Call the engine's client; return standard output and error together."""
    done = subprocess.run(
        ["docker", *arguments], input=data, stdin=None if data is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=minutes * 60, check=False,
    )  # fmt: skip
    output = done.stdout.decode(errors="replace")
    assert not check or done.returncode == 0, (
        f"docker {' '.join(arguments)[:200]} ended with {done.returncode}:\n{output[-4000:]}"
    )
    return output


def why_not() -> str:
    """Return why no such host can be made here, or nothing."""
    if shutil.which("docker") is None:
        return "there is no `docker` on PATH"
    if subprocess.run(["docker", "image", "inspect", BASE], capture_output=True, check=False).returncode:
        return f"the engine does not answer or has no image {BASE}"
    if not (paths.checkout() / ".git").exists():
        return "the checkout is no git repository; what is committed is what gets installed"
    return ""


def pip_settings() -> str:
    """Return this machine's pip settings as one file, with the certificates where the container has them."""
    lines = [f"{name} = {value}" for name, value in _pip().items() if name != "cert"]
    return "\n".join(["[global]", *lines, f"cert = {BUNDLE}.host", ""])


def pip_places() -> list[str]:
    """Return the folders of this machine that pip takes packages from."""
    words = " ".join(value for name, value in _pip().items() if name != "cert").split()
    folders = {re.sub(r"^file://", "", word) for word in words if word.startswith(("/", "file://"))}
    return sorted({str(Path(*Path(folder).parts[:3])) for folder in folders if Path(folder).is_dir()})


def _pip() -> dict[str, str]:
    listed = subprocess.run(
        ["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    found = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2].replace("_", "-")] = str(ast.literal_eval(value))
    return found


def _context() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in (("Dockerfile", _DOCKERFILE.encode()), ("ca.crt", Path(BUNDLE).read_bytes())):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return content.getvalue()
