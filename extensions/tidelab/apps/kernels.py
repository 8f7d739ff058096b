"""The kernels behind the pages: few, without secrets, each owned by the person whose page it serves."""

import contextlib
import contextvars
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from jupyter_server._tz import utcnow
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import Integer
from voila.voila_kernel_manager import voila_kernel_manager_factory

_KEPT: Final = frozenset(
    {
        "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "HOME", "LD_LIBRARY_PATH", "OMP_NUM_THREADS",
        "TIDELAB_ROOT", "TIDELAB_STATE", "TIDELAB_ENVS", "TIDELAB_DATA", "TIDELAB_CHAMPIONS", "TIDELAB_MOUNTS",
        "TIDELAB_USECASES", "TIDELAB_MAX_RUNS", "TIDELAB_TICKET_KEY", "TIDELAB_ACCESS", "TIDELAB_PURPOSE",
        "VOILA_BASE_URL", "VOILA_SERVER_URL", "VOILA_PREHEAT", "VOILA_APP_PORT", "VOILA_KERNEL_ID",
    }
)  # fmt: skip
"""The whole environment of a kernel. A list of what is kept, because a list of what is removed forgets something."""

ON_BEHALF: Final = "TIDELAB_ON_BEHALF"
"""Tells a kernel that it serves one person and could open the files of others (`tidelab.runs.owner`)."""


@dataclass(eq=False)
class Visit:
    """Someone who is being served a page; `kernel` is known once they have one."""

    person: str
    kernel: str | None = None


_visit: contextvars.ContextVar[Visit | None] = contextvars.ContextVar("tidelab_app_visit", default=None)


@contextlib.contextmanager
def _serving(visit: Visit | None) -> Iterator[None]:
    token = _visit.set(visit)
    try:
        yield
    finally:
        _visit.reset(token)


def kernel_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of an environment that a kernel gets, and that it acts for whoever its page belongs to."""
    return {name: value for name, value in environ.items() if name in _KEPT} | {ON_BEHALF: "1"}


class AppKernels(AsyncMappingKernelManager):
    """Starts kernels with a minimal environment and ends those that nobody looks at."""

    max_kernels = Integer(8, config=True, help="Most kernels at a time, pre-heated ones included.")
    untouched_s = Integer(
        3600, config=True, help="Seconds after which a kernel with an open but untouched page is ended."
    )

    def __init__(self, **kwargs: Any) -> None:
        self.owners: dict[str, str] = {}
        super().__init__(**kwargs)

    async def _async_start_kernel(self, **kwargs: Any) -> str:
        kwargs["env"] = kernel_environment(kwargs.get("env") or os.environ)
        kernel_id: str = await super()._async_start_kernel(**kwargs)
        self._claim(kernel_id)
        return kernel_id

    start_kernel = _async_start_kernel

    async def _async_shutdown_kernel(self, kernel_id: str, now: bool = True, restart: bool = False) -> None:
        # At once: a page holds nothing worth a polite farewell, and its run is a process of its own.
        await super()._async_shutdown_kernel(kernel_id, now=True, restart=restart)
        self.owners.pop(kernel_id, None)

    shutdown_kernel = _async_shutdown_kernel

    def _claim(self, kernel_id: str) -> None:
        """Give a kernel to the person who is being served, or to nobody yet."""
        visit = _visit.get()
        self.owners[kernel_id] = visit.person if visit else ""
        if visit:
            visit.kernel = kernel_id

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End a kernel whose page is gone (the library's rule), or is open but was not touched for long."""
        kernel = self._kernels.get(kernel_id)
        touched = getattr(kernel, "last_activity", None)
        if touched is not None and utcnow() - touched > timedelta(seconds=self.untouched_s):
            self.log.info("Ending kernel %s: its page was not touched for %s s.", kernel_id, self.untouched_s)
            await self.shutdown_kernel(kernel_id)
            return
        await super().cull_kernel_if_idle(kernel_id)


class AppPool(voila_kernel_manager_factory(AppKernels, True, 1)):  # type: ignore[misc]
    """Kernels that have executed their notebook before the visitor comes, within one limit for all kernels."""

    def __init__(self, **kwargs: Any) -> None:
        self._versions: dict[str, object] = {}
        self._visits: set[Visit] = set()
        super().__init__(**kwargs)

    @property
    def waiting(self) -> int:
        """Kernels that are ready, or becoming ready, for a visitor."""
        return sum(len(pool) for pool in self._pools.values())

    @property
    def in_use(self) -> int:
        """Kernels that serve a page, and people who are just getting one."""
        owned = sum(1 for owner in self.owners.values() if owner)
        return owned + sum(1 for visit in self._visits if visit.kernel is None)

    @property
    def people(self) -> int:
        """People who have a page open."""
        return len({owner for owner in self.owners.values() if owner})

    @property
    def most_per_person(self) -> int:
        """Pages that one person may have open: all but a quarter of the places, which stays for others."""
        places = int(self.max_kernels)
        return max(min(2, places), places - max(1, places // 4))

    def pages_of(self, person: str) -> int:
        """Return how many pages a person has, or is just getting."""
        getting = [visit for visit in self._visits if visit.person == person and visit.kernel is None]
        return len(getting) + list(self.owners.values()).count(person)

    @contextlib.contextmanager
    def visit(self, person: str) -> Iterator[None]:
        """Hold a place for a person, and give them the kernel that is started or taken inside."""
        visit = Visit(person)
        self._visits.add(visit)
        try:
            with _serving(visit):
                yield
        finally:
            self._visits.discard(visit)

    def has_room(self, notebook: str) -> bool:
        """Return whether one more page can be served."""
        return self.in_use < self.max_kernels or self.get_pool_size(notebook) > 0

    def get_pool_size(self, notebook_name: str) -> int:
        """Return the kernels that are ready for a notebook; those that have died meanwhile are forgotten."""
        pool = self._pools.get(notebook_name, [])
        pool[:] = [task for task in pool if not (task.done() and self._is_useless(task))]
        return len(pool)

    def fill_if_needed(
        self, delay: float | None = None, notebook_name: str | None = None, **kwargs: Any
    ) -> None:
        """Pre-heat a kernel for a notebook, unless that would take the place of a visitor's."""
        kwargs.pop("extra_kernel_env_variables", None)  # would hold one visitor's address for the next one
        if self.in_use + self.waiting < self.max_kernels:
            with _serving(None):
                super().fill_if_needed(delay, notebook_name, **kwargs)

    def prepare(self, notebook: str, version: object) -> None:
        """Pre-heat for a notebook before anyone has asked for it."""
        self._versions[notebook] = version
        self.fill_if_needed(delay=0, notebook_name=notebook)

    async def make_room(self, notebook: str) -> None:
        """End a pre-heated kernel of another notebook when the limit is reached."""
        if self.in_use + self.waiting < self.max_kernels or self.get_pool_size(notebook):
            return
        for pool in self._pools.values():
            if pool:
                await self._end(pool.pop(0))
                return

    async def renew(self, notebook: str, version: object) -> None:
        """End the pre-heated kernels of a notebook when it has changed since they executed it."""
        if self._versions.setdefault(notebook, version) != version:
            self._versions[notebook] = version
            for task in self._pools.pop(notebook, []):
                await self._end(task)

    async def get_rendered_notebook(
        self, notebook_name: str, extra_kernel_env_variables: Any = None, **kwargs: Any
    ) -> Any:
        """Hand a pre-heated kernel to the visitor who is being served."""
        task, cache, kernel_id = await super().get_rendered_notebook(notebook_name, {}, **kwargs)
        self._claim(kernel_id)
        return task, cache, kernel_id

    async def _end(self, task: Any) -> None:
        # Whatever became of it, it is not needed.
        with contextlib.suppress(Exception):
            content = await task
            content["renderer"].stop_generator = True
            await self.shutdown_kernel(content["kernel_id"])

    def _is_useless(self, task: Any) -> bool:
        if task.cancelled() or task.exception() is not None:
            return True
        kernel = self._kernels.get(task.result()["kernel_id"])
        process = getattr(getattr(kernel, "provisioner", None), "process", None)
        return process is None or process.poll() is not None
