"""Builds images with the engine's own builder, one after the other, and skips what is up to date."""

import contextlib
import fcntl
import functools
import os
import re
import subprocess
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tidelab import paths
from tidelab.containers import engine, names
from tidelab.containers.content import Item, write_context
from tidelab.containers.errors import ImageError
from tidelab.containers.failures import explain
from tidelab.containers.plan import Build
from tidelab.containers.registry import registry_items

Report = Callable[[str], None]
# Docker knows these as build arguments of its own: they reach every RUN and stay out of history, layers and cache.
_PROXIES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
)
_STEP = re.compile(r"^(?:Step \d+/\d+ : |#\d+ \[[^\]]*\] )(.*)$")
_INSTALLING = re.compile(r"^(?:#\d+ [\d.]+ )?(\S+: +\d+% .*)$")
_NOISE = re.compile(r"^#\d+ [\d.]+ ")
_KEPT_LINES = 400


@dataclass(frozen=True)
class Built:
    """What became of one image: whether it was built now, in how many seconds, and the id of the image that had its name before."""

    build: Build
    fresh: bool
    seconds: float
    replaced: str = ""


def build_all(
    builds: Sequence[Build],
    report: Report,
    *,
    network: str = "host",
    fresh: bool = False,
    jobs: int = 1,
) -> list[Built]:
    """Build what is not up to date, each after its parent; raises `ImageError` when one fails, after those that are under way.

    Parameters
    ----------
    builds
        As `plan` returns them, parents first.
    report
        Called with sentences, from several threads where there are several jobs.
    network
        Network of the builds' commands: ``host`` reaches what this machine reaches, a proxy on its own address included.
    fresh
        Build everything again, without the engine's cache (security updates of the base image).
    jobs
        How many images are built at a time, where none lies on the other.
    """
    engine.require_engine()
    settings = _Settings()
    running: dict[str, Future[Built]] = {}

    def task(build: Build, parent: "Future[Built] | None") -> Built:
        if parent is not None:
            parent.result()
        if not fresh and up_to_date(build):
            report(f"{build.image}: up to date")
            return Built(build, False, 0.0)
        report(f"{build.image}: building ({build.title})")
        before = engine.inspect(build.image)
        started = time.monotonic()
        build_one(build, settings.get() if build.needs_registry else (), report, network, fresh)
        seconds = time.monotonic() - started
        report(f"{build.image}: built in {seconds:.0f} s")
        return Built(build, True, seconds, before.id if before else "")

    # A thread that waits for a parent holds a place, and its parent, which came before it, has one already.
    with one_at_a_time(report), ThreadPoolExecutor(max(1, jobs)) as pool:
        for build in builds:
            running[build.image] = pool.submit(task, build, running.get(build.parent))
        try:
            done = [future.result() for future in running.values()]
            forget_replaced(done)
            return done
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class _Settings:
    """Registry settings of the machine, read once and only when packages are fetched."""

    def __init__(self) -> None:
        self._items: list[Item] | None = None
        self._lock = threading.Lock()

    def get(self) -> list[Item]:
        with self._lock:
            self._items = registry_items() if self._items is None else self._items
            return self._items


@contextlib.contextmanager
def one_at_a_time(report: Report) -> Iterator[None]:
    """Hold this checkout's lock: of two commands, the second waits and then finds the images built."""
    folder = paths.state()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "images.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Another `tidelab images build` of this checkout is under way; waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def up_to_date(build: Build) -> bool:
    """Whether the engine has this very image: made from this content, and on the parent that is there now."""
    here = engine.inspect(build.image)
    if here is None or here.labels.get(names.CONTENT) != build.content:
        return False
    parent = engine.inspect(build.parent)
    return parent is None or here.labels.get(names.PARENT) == parent.id


def command(build: Build, parent_id: str, build_id: str, network: str, fresh: bool) -> list[str]:
    """Return the engine's command; nothing of it is secret, for arguments and labels stay in the image."""
    arguments = {**build.arguments, "BUILD_ID": build_id} if build.staged else build.arguments
    labels = {**build.labels, names.PARENT: parent_id} if parent_id else build.labels
    return [
        # --force-rm: a step that failed leaves no container behind, which would keep its stage alive.
        *(engine.PROGRAM, "build", "--force-rm", "--network", network, "--tag", build.image),
        *(["--no-cache"] if fresh else []),
        *(part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")),
        *(part for name in _PROXIES if name in os.environ for part in ("--build-arg", name)),
        *(part for name, value in labels.items() for part in ("--label", f"{name}={value}")),
        "-",
    ]


def build_one(build: Build, settings: Sequence[Item], report: Report, network: str, fresh: bool) -> None:
    """Build one image; raises `ImageError` with what failed and what to do."""
    say = functools.partial(_prefixed, report, build.image)
    build_id = uuid.uuid4().hex
    parent = engine.inspect(build.parent)
    items = (
        [*build.items, *settings]
        if any(item.name.startswith("host/") for item in build.items)
        else build.items
    )
    try:
        with tempfile.TemporaryFile() as context:
            write_context(items, context)
            context.seek(0)
            _run(
                build,
                command(build, parent.id if parent else "", build_id, network, fresh),
                context.fileno(),
                say,
            )
    finally:
        if build.staged:
            forget(build_id)


def forget_replaced(done: Sequence[Built]) -> None:
    """Remove the images that lost their names to new ones, the uppermost first; the engine keeps what a container still uses."""
    for one in reversed(done):
        here = engine.inspect(one.replaced) if one.replaced else None
        if here is not None and not here.names:
            engine.ask(["image", "rm", one.replaced], timeout_s=300)


def _prefixed(report: Report, image: str, text: str) -> None:
    report(f"{image}: {text}")


def forget(build_id: str) -> None:
    """Remove the thrown-away stage of a build, which held the registry's settings."""
    engine.ask(["image", "prune", "--force", "--filter", f"label={names.BUILD}={build_id}"], timeout_s=300)


def _run(build: Build, arguments: list[str], context: int, report: Report) -> None:
    environment = {**os.environ, "BUILDKIT_PROGRESS": "plain", "DOCKER_CLI_HINTS": "false"}
    process = subprocess.Popen(
        arguments,
        stdin=context,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    )
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            kept.append(line)
            words = in_words(line)
            if words:
                report(words)
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code != 0:
        what, remedy = explain("".join(kept))
        raise ImageError(f"Building {build.image} ({build.title}) stopped: {what}\n  What to do: {remedy}")


def in_words(line: str) -> str | None:
    """Return what a line of the builder says to people; None for one that says nothing to them.

    >>> in_words("Step 8/10 : COPY --from=install /out/ /")
    'taking over what was installed'
    >>> in_words("analyse:  12% fetching numpy (3 of 140)")
    'analyse:  12% fetching numpy (3 of 140)'
    """
    line = line.rstrip()
    progress = _INSTALLING.match(line)
    if progress:
        return progress[1]
    step = _STEP.match(line)
    if step is None:
        return None
    instruction = step[1]
    for start, words in _WORDS:
        if instruction.startswith(start):
            return words
    return None


_WORDS = (
    ("FROM", None),
    ("RUN export DEBIAN_FRONTEND", "installing system packages"),
    ("RUN sh /tmp/host/install.sh", "installing packages from the lock"),
    ("RUN python3 -m compileall", "compiling"),
    ("RUN PYTHONDONTWRITEBYTECODE=1", "registering kernels"),
    ("COPY --from=install", "taking over what was installed"),
    ("COPY project/", "copying the project"),
    ("COPY usecase/", "copying the use case"),
)
