"""What every start of a server has in common: profile, turn, GPU, words for what happens, and a quick look for the answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from traitlets import Any as AnyTrait
from traitlets import Float, Int, List, Unicode

from tidehub.gpu_lease import LeaseRefusedError
from tidehub.profiles import Choice, ProfileError, choose
from tidehub.singleuser_environment import Places, singleuser_environment
from tidehub.spawners.refused import StartRefusedError
from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.leases import Lease, Owner, Request

POLL_SECONDS = 0.05
LOG_TAIL_BYTES = 4000
NO_LIMIT_SECONDS = 10 * 365 * 24 * 3600
"""JupyterHub's own limit on a whole start would cut a queue; each part of a start has its own limit instead."""


# A spawner's own methods come from the class it is mixed into; `Spawner` itself refuses subclasses that cannot start or stop.
if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner as _Base
else:
    from traitlets.config import LoggingConfigurable as _Base


class TideStart(_Base):  # type: ignore[misc]
    """Mixin of the spawners: chooses from the catalogue, waits for a turn and a GPU, starts, waits for the answer.

    The server's name is the use case's slug; `user_options` may name a size of server. Everything it is started with is
    derived from the catalogue as it is on disk at that moment. A subclass gives `_prepare` and `_launch`.
    """

    catalogue = AnyTrait(None, config=True, help="Callable that returns the catalogue as it is now")
    proxy_url = Unicode(
        "", config=True, help="Address of the proxy as servers reach it, with a slash at the end"
    )
    tide_services = List(Unicode(), config=True, help="Names of the hub services that run")
    access = Unicode("local", config=True, help="How people reach the hub, for the statistics")
    answer_seconds = Float(120, config=True, help="How long a started server may take to answer")
    prepare_seconds = Float(
        3600, config=True, help="How long installing a stack, or fetching an image, may take"
    )
    starts_at_once = Int(
        4, config=True, help="Servers that start at the same time; the others wait for their turn"
    )
    limits = AnyTrait(
        None,
        config=True,
        help="Coroutine function of (spawner, size) that returns `tidehub.quotas.Checked`; None: no limits",
    )
    gpus = AnyTrait(
        None, config=True, help="The desk that hands out GPUs (`GpuDesk`); None: this hub leases none"
    )

    places = Places.of_this_machine()
    _turns: asyncio.Semaphore | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lines: list[tuple[int, str]] = []
        self._use_case: UseCase | None = None
        self._choice: Choice | None = None
        self._pid: int | None = None
        self._created: float | None = None
        self._address = ""
        self._starting = False
        self._lease: Lease | None = None

    # What is started

    def choose_profile(self, options: dict[str, Any]) -> None:
        """Check the person's options against the catalogue (they are user input, also over the REST API).

        Raises
        ------
        StartRefusedError
            With the sentence that the person reads.
        """
        groups = [group.name for group in self.user.groups]
        try:
            self._use_case, self._choice = choose(self.catalogue(), self.name, options, groups)
        except ProfileError as error:
            raise StartRefusedError(str(error), reason="profile") from None

    @property
    def home(self) -> Path:
        """The person's home folder."""
        return paths.home(self.user.name)

    @property
    def log_file(self) -> Path:
        """Where the server's output goes, apart from the hub's own log."""
        # A folder for each person: joined by a hyphen, two people's names could make one file's.
        return paths.data() / "logs" / "servers" / paths.safe_name(self.user.name) / f"{self.name}.log"

    def get_env(self) -> dict[str, str]:
        """Return the server's whole environment."""
        use_case, choice = self._profile()
        environment: dict[str, str] = super().get_env()
        environment |= singleuser_environment(
            use_case,
            choice,
            user=self.user.name,
            api_token=self.api_token,
            public_url=self.proxy_url,
            services=tuple(self.tide_services),
            access=self.access,
            places=self.places,
        )
        return environment | self._gpu_environment()

    def _profile(self) -> tuple[UseCase, Choice]:
        if self._use_case is None or self._choice is None:
            self.choose_profile(dict(self.user_options or {}))
        assert self._use_case is not None
        assert self._choice is not None
        return self._use_case, self._choice

    # The start

    async def start(self) -> tuple[str, int]:
        """Prepare, wait for a turn and a GPU, start the server and return its address once it answers."""
        use_case, choice = self._profile()
        self._lines, self._lease, self._starting = [], None, True
        try:
            self._make_home()
            await self._check_limits(choice)
            await self._prepare_in_time(use_case, choice)
            if self.gpus is not None and choice.gpu is not None:
                self._lease = await self._wait_for_gpu(use_case, choice)
            async with self._turn():
                self._say(75, f"Starting JupyterLab for {use_case.title}.")
                ip, port = await self._launch(use_case, choice)
                await self._wait_for_answer()
        except BaseException:
            # The person gave up, or it failed; nobody else would end what was just started and give back the GPU.
            await asyncio.shield(self._undo())
            raise
        finally:
            self._starting = False
        self._say(100, "JupyterLab answers. Opening it.")
        return ip, port

    async def _check_limits(self, choice: Choice) -> None:
        """Refuse what the person's limits do not allow; say what they should know although it starts."""
        if self.limits is None:
            return
        checked = await self.limits(self, choice)
        if checked.refusal:
            raise StartRefusedError(checked.refusal, reason="quota", status_code=409)
        if checked.warning:
            self._say(3, checked.warning)

    async def _prepare_in_time(self, use_case: UseCase, choice: Choice) -> None:
        try:
            async with asyncio.timeout(self.prepare_seconds):
                await self._prepare(use_case, choice)
        except TimeoutError:
            raise StartRefusedError(
                f"Getting what this server needs took longer than {self.prepare_seconds / 60:.0f} minutes. Try again, or ask an admin "
                "to prepare it.",
                reason="timeout",
                status_code=504,
            ) from None

    async def _prepare(self, use_case: UseCase, choice: Choice) -> None:
        """Get what the server needs before it takes a turn or a GPU."""
        raise NotImplementedError

    async def _launch(self, use_case: UseCase, choice: Choice) -> tuple[str, int]:
        """Start it; set ``_pid``, ``_created`` and ``_address``; return where it will answer."""
        raise NotImplementedError

    async def _undo(self) -> None:
        """End whatever this start has made so far, its lease included."""
        raise NotImplementedError

    def _make_home(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.home.chmod(0o700)
        except OSError as error:
            raise StartRefusedError(
                f"Your home folder could not be made ({error.strerror}). An admin finds it at {self.home}.",
                reason="home",
                status_code=503,
            ) from None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Start a few at a time: a class that comes at once is then served one by one, and not all of it late."""
        cls = TideStart
        if cls._turns is None:
            cls._turns = asyncio.Semaphore(self.starts_at_once)
        if cls._turns.locked():
            self._say(70, "Other servers are starting at the moment. Yours comes next.")
        async with cls._turns:
            yield

    # The GPU

    @property
    def owner(self) -> Owner:
        """Who leases, as the lease book knows them."""
        slug = self._use_case.slug if self._use_case else self.name
        return Owner(self.user.name, self.name, slug, tuple(group.name for group in self.user.groups))

    async def _wait_for_gpu(self, use_case: UseCase, choice: Choice) -> Lease:
        assert choice.gpu is not None
        request = Request(choice.gpu.kind, choice.gpu.count, choice.gpu.profile)
        self._say(5, f"Asking for {choice.gpu.words}.")
        try:
            lease: Lease = await self.gpus.obtain(self.owner, request, lambda line: self._say(10, line))
        except LeaseRefusedError as error:
            raise StartRefusedError(str(error), reason="gpu", status_code=503) from None
        self._say(60, f"It is your turn: {self.gpus.words(lease)}.")
        return lease

    async def _use_gpu(self, place: str) -> None:
        """Note where the lease is used; refuse to go on if it was lost meanwhile."""
        if self._lease is None:
            return
        try:
            await self.gpus.activate(self._lease, place)
        except LeaseRefusedError as error:
            raise StartRefusedError(str(error), reason="gpu", status_code=503) from None

    async def _give_back_gpu(self, why: str) -> None:
        """Release by person and server, never by what this object remembers: after a restart of the hub it remembers nothing."""
        self._lease = None
        if self.gpus is not None:
            await self.gpus.release(self.user.name, self.name, why)

    def _gpu_environment(self) -> dict[str, str]:
        """Return the variables that say which devices are this server's."""
        return self.gpus.environment(self._lease) if self.gpus is not None else {}

    # The answer

    async def _wait_for_answer(self) -> None:
        """Ask every 50 ms; the hub's own waiting backs off to seconds."""
        client = AsyncHTTPClient(force_instance=True)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.answer_seconds
        asked = 0
        try:
            while loop.time() < deadline:
                # Half a second is soon enough to see an end, and each look costs a question to the engine.
                if asked % 10 == 0 and (status := await self.poll()) is not None:
                    raise StartRefusedError(await self._why_it_ended(status), reason="start", status_code=500)
                asked += 1
                if await _answers(client, f"{self._address}api"):
                    return
                await asyncio.sleep(POLL_SECONDS)
        finally:
            client.close()
        raise StartRefusedError(
            f"JupyterLab did not answer within {self.answer_seconds:g} seconds. The machine may be busy: try again in a "
            "minute. An admin finds the reason in the server's log.",
            reason="timeout",
            log_message=f"No answer within {self.answer_seconds:g} s; see {self.log_file}",
            status_code=504,
        )

    async def _why_it_ended(self, status: int | str) -> str:
        """Return the sentence for a server that ended before it answered."""
        try:
            tail = self.log_file.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        except OSError:
            tail = ""
        return f"JupyterLab ended while it was starting (status {status}). {said_at_the_end(tail)}"

    # Progress, as the person waits

    def _say(self, percent: int, line: str) -> None:
        if self._lines and self._lines[-1][1] == line:
            return
        self.log.info("%s: %s", self._log_name, line)
        self._lines.append((percent, line))

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield each line once, as it is said."""
        shown = 0
        while True:
            for percent, line in self._lines[shown:]:
                shown += 1
                yield {"progress": min(percent, 99), "message": line}
            await asyncio.sleep(0.1)

    # Survival: a server outlives the hub, and its process id may outlive the server

    def get_state(self) -> dict[str, Any]:
        """Return what a restarted hub, and the services that look after servers, need to find it again."""
        state: dict[str, Any] = super().get_state()
        if self._address:
            # The address is for the culler: asked through the proxy, its questions would count as use.
            state |= {"pid": self._pid, "created": self._created, "address": self._address}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over what an earlier hub noted."""
        super().load_state(state)
        self._pid = state.get("pid")
        self._created = state.get("created")
        self._address = state.get("address", "")

    def clear_state(self) -> None:
        """Forget the server."""
        super().clear_state()
        self._pid = None
        self._created = None
        self._address = ""


async def _answers(client: AsyncHTTPClient, address: str) -> bool:
    try:
        answer = await client.fetch(address, raise_error=False, request_timeout=5, connect_timeout=1)
    except (OSError, HTTPClientError):
        return False
    return bool(answer.code < 500)


def said_at_the_end(log: str) -> str:
    """Return the sentence that the workspace printed, else the last thing that Jupyter called critical."""
    lines = log.splitlines()
    said = [line.removeprefix("tidelab: ") for line in lines if line.startswith("tidelab: ")]
    critical = [line.partition("] ")[2] for line in lines if line.startswith("[C ")]
    return (said or critical or ["An admin finds the reason in the server's log."])[-1]


def choose_profile(spawner: TideStart, options: dict[str, Any]) -> None:
    """`Spawner.apply_user_options`: the one place where options become effective."""
    spawner.choose_profile(options)
