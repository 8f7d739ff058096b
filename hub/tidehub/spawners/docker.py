"""Single-user servers in docker mode: one container per person and use case."""

import asyncio
import contextlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from dockerspawner import DockerSpawner
from traitlets import Any as AnyTrait
from traitlets import Unicode, default

from tidehub.docker import container, devices, engine
from tidehub.docker.pull import PullError, PullProgress
from tidehub.processes import started_at
from tidehub.profiles import Choice
from tidehub.singleuser_environment import Places
from tidehub.spawners.refused import StartRefusedError
from tidehub.spawners.start import LOG_TAIL_BYTES, TideStart, said_at_the_end
from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.containers import names
from tidelab.leases import labels as lease_labels

STOP_SECONDS = 10
_KILLED = 137
_ERRORS = (DockerException, requests.RequestException)


class TideDockerSpawner(TideStart, DockerSpawner):  # type: ignore[misc]
    """Starts ``python -m tidelab.workspace start`` in a container of the use case's image.

    DockerSpawner makes, starts, stops and finds the container. Added here: what the catalogue says, words for what happens, the
    GPU, and what a container leaves behind.
    """

    instance = Unicode("tidelab", config=True, help="Which hub the containers belong to")
    image_prefix = Unicode("tidelab", config=True, help="Prefix of the images' names")
    may_pull = AnyTrait(False, config=True, help="Whether images that are not here are fetched")
    account = AnyTrait(None, config=True, help="uid and gid of the processes (`container.Account`)")

    places = Places.of_image()
    # DockerSpawner asks the engine in one thread: a container that is slow to end then holds up everybody's start.
    _executor = ThreadPoolExecutor(16, thread_name_prefix="docker")

    @default("prefix")
    def _prefix_default(self) -> str:
        return f"tidelab-{self.instance}"

    @default("name_template")
    def _name_template_default(self) -> str:
        return "{prefix}-{username}--{servername}"

    @default("format_volume_name")
    def _format_volume_name_default(self) -> Any:
        # Ours are complete: a brace in a folder's name is a brace.
        return lambda template, spawner: template

    # The start

    async def _prepare(self, use_case: UseCase, choice: Choice) -> None:
        """Make sure of the engine, the image, and that nothing of an earlier start is in the way."""
        self._say(2, "Getting your home folder ready.")
        await asyncio.to_thread(self._own_home)
        expected = self._image_for(use_case, choice, with_gpu=choice.gpu is not None and self._real_gpus())
        self.image = expected
        await self.pull_image(expected)
        await self._remove_leftover()

    async def _launch(self, use_case: UseCase, choice: Choice) -> tuple[str, int]:
        """Make and start the container."""
        self._set_container(use_case, choice)
        try:
            ip, port = await DockerSpawner.start(self)
            found = await self.docker("inspect_container", self.container_id)
        except _ERRORS as error:
            raise self._refusal(error, "start your server's container") from None
        state = found["State"]
        self._pid = state.get("Pid") or None
        self._created = started_at(self._pid) if self._pid else None
        self._address = f"http://{ip}:{port}{self.server.base_url}"
        self._say(85, "The container runs. JupyterLab is starting in it.")
        return ip, port

    async def create_object(self) -> dict[str, Any]:
        """Make the container, and note the lease's place before anything runs in it.

        A lease that was lost meanwhile then never has two users; a hub that dies between the two leaves a container with the
        lease's label, or a lease with its container: reconciliation finds both.
        """
        made: dict[str, Any] = await super().create_object()
        self.object_id = made["Id"]
        await self._use_gpu(f"docker:{made['Id']}")
        return made

    def _set_container(self, use_case: UseCase, choice: Choice) -> None:
        """Set everything that DockerSpawner makes a container from."""
        to_read, missing = container.folders_to_read()
        for folder in missing:
            self.log.warning("%s: %s is not there and is left out of the container.", self._log_name, folder)
        files = paths.data() / "hub" / "accounts-in-containers" / paths.safe_name(self.user.name)
        container.write_account_files(files, self.account, self.user.name, self.home)
        self.cmd = [
            *(str(self.places.bin("lab") / "python"), "-m", "tidelab.workspace", "start"),
            *("--use-case", use_case.slug, "--open", use_case.notebook("analyse").file),
        ]
        self.mounts = container.mounts(self.home, files, to_read)
        self.mem_limit = int(choice.memory_gb * container.GB)
        self.cpu_limit = choice.cpu
        self.remove = True
        requests_ = devices.device_requests(self._devices(), self._abilities())
        self.extra_host_config = container.host_config(choice) | (
            {"device_requests": requests_} if requests_ else {}
        )
        self.extra_create_kwargs = {
            "user": f"{self.account.uid}:{self.account.gid}",
            "working_dir": str(self.home),
            "hostname": use_case.slug,
            "labels": {key: _literally(value) for key, value in self._labels(use_case, choice).items()},
        }

    def _labels(self, use_case: UseCase, choice: Choice) -> dict[str, str]:
        of_lease = lease_labels.of(self._lease) if self._lease else {}
        return of_lease | {
            names.INSTANCE: self.instance,
            names.USER: self.user.name,
            names.SERVER: self.name,
            names.USE_CASE: use_case.slug,
            names.STACKS: ",".join(choice.stacks),
        }

    def _devices(self) -> list[Any]:
        return self.gpus.devices(self._lease) if self.gpus is not None and self._lease else []

    def _real_gpus(self) -> bool:
        return self.gpus is not None and self.gpus.has_real

    def _abilities(self) -> engine.Abilities:
        cls = TideDockerSpawner
        if not self._devices():
            return engine.Abilities("", cdi=False)
        if cls._known is None:
            cls._known = engine.abilities(self.client)
        return cls._known

    _known: engine.Abilities | None = None

    def _image_for(self, use_case: UseCase, choice: Choice, *, with_gpu: bool) -> str:
        variant: names.Variant = "cuda" if with_gpu else "cpu"
        return names.use_case_image(use_case.slug, choice.stacks, variant, self.image_prefix)

    def _own_home(self) -> None:
        """Where this hub is root, give the home to the container's account and let it read what is published."""
        if os.geteuid() == 0:
            if self.home.stat().st_uid != self.account.uid:
                shutil.chown(self.home, self.account.uid, self.account.gid)
            container.let_read(paths.champions())

    # What may be in the way

    async def pull_image(self, image: str) -> None:
        """Make sure that the image is here; fetch it, saying how far, or say which command builds it."""
        try:
            await self.docker("inspect_image", image)
            return
        except (ImageNotFound, NotFound):
            pass
        except _ERRORS as error:
            raise self._refusal(error, f"look for the image {image}") from None
        if not self.may_pull:
            raise StartRefusedError(
                f"The image {image} is not on this machine, so this server cannot start. Ask an admin to run "
                f"`tidelab images build {self.name}`.",
                reason="image",
                status_code=503,
            )
        await self._pull(image)

    async def _pull(self, image: str) -> None:
        self._say(10, f"Fetching the image {image}. This is needed once and can take some minutes.")
        loop = asyncio.get_running_loop()

        def fetch() -> None:
            repository, _, tag = image.rpartition(":")
            progress = PullProgress()
            for record in self.client.pull(repository, tag=tag, stream=True, decode=True):
                progress.take(record)
                percent = progress.percent
                line = f"Fetching the image: {percent} % of what is known so far."
                loop.call_soon_threadsafe(self._say, 10 + percent // 2, line)

        try:
            await asyncio.wrap_future(self.executor.submit(fetch))
        except PullError as error:
            raise StartRefusedError(
                f"The image {image} could not be fetched: {error}. Try again; if it stays so, ask an admin.",
                reason="image",
                status_code=503,
            ) from None
        except _ERRORS as error:
            raise self._refusal(error, f"fetch the image {image}") from None

    async def _remove_leftover(self) -> None:
        """Remove a container of this name that a crash left behind; refuse to touch one that is not ours."""
        try:
            found = await self.docker("inspect_container", self.object_name)
        except NotFound:
            return
        except _ERRORS as error:
            raise self._refusal(error, "look for an earlier container of this server") from None
        if not self._is_ours(found):
            raise StartRefusedError(
                f"A container named {self.object_name} is on this machine that this hub did not make. Ask an admin to remove or "
                "rename it.",
                reason="name",
                status_code=503,
            )
        self._say(60, "Removing what a crash left of this server.")
        await self._remove(found["Id"])

    async def get_object(self) -> dict[str, Any] | None:
        """Return what the engine knows of this server's container; one of the same name that is not ours is not it."""
        found: dict[str, Any] | None = await super().get_object()
        if found is not None and not self._is_ours(found):
            self.object_id = ""
            return None
        return found

    def _is_ours(self, found: dict[str, Any]) -> bool:
        return (found["Config"].get("Labels") or {}).get(names.INSTANCE) == self.instance

    async def _remove(self, container_id: str) -> None:
        with contextlib.suppress(NotFound):
            try:
                await self.docker("remove_container", container_id, v=True, force=True)
            except APIError as error:
                if error.status_code != 409:  # somebody else is removing it
                    raise

    def _refusal(self, error: Exception, doing: str) -> StartRefusedError:
        return StartRefusedError(
            engine.explain(error, doing), reason="engine", log_message=f"{doing}: {error}", status_code=503
        )

    # The end

    async def _undo(self) -> None:
        """Remove the container of a start that came to nothing, then give back the GPU."""
        try:
            if found := await self.get_object():
                await self._remove(found["Id"])
        except _ERRORS as error:
            self.log.warning("%s: could not be removed: %s", self.object_name, error)
        self.object_id = ""
        await self._give_back_gpu("the start did not succeed")

    async def stop(self, now: bool = False) -> None:
        """End the server and remove its container, then give back the GPU."""
        if now and self.object_id:
            await self._remove(self.object_id)
        await super().stop(now)
        await self._give_back_gpu("stopped")

    async def stop_object(self) -> None:
        """Ask the server to end; the engine ends it after ten seconds."""
        with contextlib.suppress(NotFound):
            await self.docker("stop", self.container_id, timeout=STOP_SECONDS)

    async def poll(self) -> int | str | None:
        """Return None while the container runs, else how it ended; what ended is removed and its GPU given back."""
        found = await self.get_object()
        if found and found["State"]["Running"] and (self._starting or self._address):
            return None
        if self._starting:
            return self._exit_status(found)
        if found:
            if found["State"]["Running"]:
                # Started by a hub that died before it could note so: its owner never saw it.
                self.log.warning("%s was never ready; removing it.", self.object_name)
            await self._keep_log(found["Id"])
            await self._remove(found["Id"])
        await self._give_back_gpu("its container is gone")
        return self._exit_status(found)

    @staticmethod
    def _exit_status(found: dict[str, Any] | None) -> int | str:
        if not found:
            return 0
        state = found["State"]
        return "out of memory" if state.get("OOMKilled") else int(state.get("ExitCode") or 0)

    async def _why_it_ended(self, status: int | str) -> str:
        """Return the sentence for a container that ended before it answered."""
        tail = await self._keep_log(self.container_id)
        if status in ("out of memory", _KILLED):
            _, choice = self._profile()
            return f"JupyterLab needed more than the {choice.memory_gb:g} GB of memory that this size has, and was ended. Choose a larger size."
        return f"JupyterLab ended while it was starting (status {status}). {said_at_the_end(tail)}"

    async def _keep_log(self, container_id: str) -> str:
        """Write the last of a container's output where the logs are; return it."""
        try:
            raw: bytes = await self.docker("logs", container_id, tail=200)
        except _ERRORS:
            return ""
        tail = raw[-16 * LOG_TAIL_BYTES :]
        with contextlib.suppress(OSError):
            self.log_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.log_file.write_bytes(tail)
            Path(self.log_file).chmod(0o600)
        return tail[-LOG_TAIL_BYTES:].decode(errors="replace")


def _literally(text: str) -> str:
    """Return a text that DockerSpawner's templates leave as it was."""
    return text.replace("{", "{{").replace("}", "}}")
