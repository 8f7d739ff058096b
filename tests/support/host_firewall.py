"""Writes the project's firewall rules on the engine's machine, as root or, like anyone who may use the engine, from a container."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tidehub.docker import firewall
from tidehub.docker.firewall import Rules


def from_a_container(image: str) -> firewall.Run:
    """Return what runs a program of this machine, in its network, with no more rights than iptables needs."""
    confined = [
        *("docker", "run", "--rm", "--interactive", "--network", "host", "--user", "0:0", "--pull", "never"),
        *("--cap-drop", "ALL", "--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW", "--cap-add", "SYS_CHROOT"),
        *(
            "--volume",
            "/:/machine:ro",
            "--tmpfs",
            "/machine/run",
            "--entrypoint",
            "chroot",
            image,
            "/machine",
        ),
    ]

    def run(command: Sequence[str], text: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*confined, "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *command],
            input=text, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return run


@contextmanager
def fenced(rules: Rules, image: str) -> Iterator[None]:
    """Hold the rules while the block runs; they are removed whatever happens in it."""
    run = firewall.run_command if os.geteuid() == 0 else from_a_container(image)
    firewall.apply(rules, run)
    try:
        yield
    finally:
        firewall.remove(rules, run)


def no_name_servers() -> Path:
    """Return a file for `firewall.rules_of` that names none, so that the rules are the same everywhere."""
    return Path(os.devnull)
