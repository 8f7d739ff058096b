"""Real processes killed with -9 at every step of what they do with the lease book; prints what was found as JSON.

Four kinds of process: the **hub** (asks, starts a container, activates; stops one and releases; reconciles), **clients** that hold a
lease themselves, and **containers**, which are processes that write their labels when they start, as an engine would show them, and
outlive the hub that started them. One process of each step kills itself at the n-th point, n going
through the longest path that was seen and then from the start again; others work at the same time. What is right is judged by the processes that run, never by
the book.

``python -m tests.support.lease_faults STEPS SEED``
"""

import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import psutil

from tests.support.leases import simulated
from tidelab.leases import Book, Lease, LeaseError, Owner, Policy, Request, Seen, labels, processes

USERS = ("ada", "bo", "cy", "dee", "eve")
REQUESTS = (Request(), Request(), Request(count=2), Request("shared"))
AT_WORK = 3
"""Processes that work at the same time in a step; one of them is killed."""
LONGEST_S = 30.0
STRIDE = 61
"""The points of a path are tried in steps of this prime, so that a few hundred tries reach its end too and thousands reach all."""
_PR_SET_CHILD_SUBREAPER = 36


class Points(sqlite3.Connection):
    """Counts what a process does with the book, and kills the process at the chosen point."""

    last: ClassVar[int] = 0
    passed: ClassVar[int] = 0

    @classmethod
    def pass_one(cls) -> None:
        cls.passed += 1
        if cls.passed == cls.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        return self._do(super().execute, arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        return self._do(super().executemany, arguments)

    def _do(self, call: Callable[..., sqlite3.Cursor], arguments: tuple[Any, ...]) -> sqlite3.Cursor:
        self.pass_one()
        done = call(*arguments)
        self.pass_one()
        return done


class Machine:
    """A folder with a book and with one file for each process that uses a device."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "run").mkdir()

    def book(self) -> Book:
        return Book(self.folder / "b.sqlite", connection=Points)

    def begin(self, name: str, lease: Lease) -> None:
        """Say that this process uses the devices of a lease: in one piece, as an engine makes a container."""
        told = {"place": processes.place_of(), "labels": labels.of(lease), "container": name.startswith("c")}
        new = self.folder / f"{name}.new"
        new.write_text(json.dumps(told))
        new.replace(self.folder / "run" / name)

    def running(self) -> dict[str, dict[str, Any]]:
        """Return what runs; the files of what ended are removed."""
        found = {}
        for file in sorted((self.folder / "run").iterdir()):
            try:
                told = json.loads(file.read_text())
            except FileNotFoundError:
                continue
            if processes.is_alive(told["place"]):
                found[file.name] = told
            else:
                file.unlink(missing_ok=True)
        return found

    def seen(self) -> list[Seen]:
        """Return what an engine would list."""
        return [
            Seen(f"docker:{name}", True, told["labels"])
            for name, told in self.running().items()
            if told["container"]
        ]


def fork(work: Callable[[], None]) -> int:
    """Run something in a process of its own, which ends with it."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except LeaseError:
        pass
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def spawn(machine: Machine, user: str, request: Request, name: str) -> None:
    """As the spawner does: a lease, then a container, then the lease is active."""
    book = machine.book()
    asked = book.ask(Owner(user, "s"), request)
    if asked.lease is None and asked.ticket is not None:
        time.sleep(0.002)
        asked = book.again(asked.ticket.id)
    if asked.lease is None:
        if asked.ticket is not None:
            book.withdraw(asked.ticket.id)
        return
    lease = asked.lease
    if lease.place:
        return  # this server runs already
    Points.pass_one()
    pid = os.fork()
    if pid == 0:
        Points.last = 0
        os.setsid()
        machine.begin(name, lease)
        signal.pause()
    Points.pass_one()
    while not (machine.folder / "run" / name).exists():
        time.sleep(0.0005)
    Points.pass_one()
    try:
        book.activate(lease.id, f"docker:{name}")
    except LeaseError:
        os.kill(pid, signal.SIGKILL)
        raise
    Points.pass_one()


def stop(machine: Machine, user: str) -> None:
    """As the spawner does: the container ends, then the lease."""
    book = machine.book()
    for name, told in machine.running().items():
        if told["container"] and told["labels"][labels.USER] == user:
            Points.pass_one()
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(told["place"].split(":")[1]), signal.SIGKILL)
            while processes.is_alive(told["place"]):
                time.sleep(0.0005)
            (machine.folder / "run" / name).unlink(missing_ok=True)
            Points.pass_one()
    book.release_server(user, "s", "stopped")
    Points.pass_one()


def reconcile(machine: Machine) -> None:
    """As the hub does every 30 seconds."""
    book = machine.book()
    at = time.time()
    book.reconcile(machine.seen(), as_of=at)


def client(machine: Machine, user: str, request: Request, name: str, *, stays: bool) -> None:
    """As a batch run does: a lease for this process itself."""
    book = machine.book()
    asked = book.ask(Owner(user, f"run:{name}"), request, "batch", place=processes.place_of())
    if asked.lease is None:
        if asked.ticket is not None:
            book.withdraw(asked.ticket.id)
        return
    Points.pass_one()
    machine.begin(name, asked.lease)
    Points.pass_one()
    if stays:
        (machine.folder / f"{name}.stays").touch()
        signal.pause()
    (machine.folder / "run" / name).unlink(missing_ok=True)
    book.release(asked.lease.id, "finished")
    Points.pass_one()


class Trial:
    """Steps one after the other, and what was found after each."""

    def __init__(self, machine: Machine, seed: int) -> None:
        self.machine = machine
        self.random = random.Random(seed)
        self.book = Book(machine.folder / "b.sqlite")
        self.book.set_inventory([*simulated(3), *simulated(1, "shared", 2, first=3)])
        self.book.set_policy(Policy(per_person=None, silence_s=0.05))
        self.next_point = dict.fromkeys(("spawn", "stop", "reconcile", "client"), 1)
        self.longest = dict.fromkeys(self.next_point, 60)
        self.covered: set[tuple[str, int]] = set()
        self.found: Counter[str] = Counter()
        self.faults: list[str] = []
        self.made = 0

    def step(self) -> bool:
        """Let some processes work, kill one, reconcile once, look; return whether one was killed."""
        kind = self.random.choice(["spawn", "spawn", "stop", "reconcile", "client", "client", "running"])
        users = self.random.sample(USERS, AT_WORK)  # the hub does one thing at a time with one server
        self.book.close()  # SQLite's connections must not live through a fork
        others = [self.random.choice(["spawn", "stop", "client"]) for _ in users[1:]]
        workers = [self._start(other, user, 0) for other, user in zip(others, users[1:], strict=True)]
        victim: int | None = None
        if kind == "running":
            victim = self._kill_one_that_runs()
            killed = victim is not None
        else:
            point = self.next_point[kind]
            pid, name = self._start(kind, users[0], point)
            ended = self._wait(pid, name)
            killed = ended == -signal.SIGKILL
            if not killed and ended not in (0, None):
                self.faults.append(f"{kind} failed by itself")
            self.next_point[kind] = (point + STRIDE - 1) % self.longest[kind] + 1
            if killed:
                self.covered.add((kind, point))
        for other, (pid, name) in zip(others, workers, strict=True):
            # What was killed because it ran may be the client of this very step.
            if self._wait(pid, name) not in (0, None) and pid != victim:
                self.faults.append(f"{other} failed by itself beside {kind}")
        for file in self.machine.folder.glob("*.[cj]*"):
            which, _, name = file.name.partition(".")
            if which in self.longest:
                self.longest[which] = max(self.longest[which], int(file.read_text() or 0))
                file.unlink()
        if killed:
            self.found[f"killed: {kind}"] += 1
        self._reconcile_and_look(boot=killed and kind in ("spawn", "stop", "reconcile"))
        return killed

    def end(self) -> None:
        """Kill everything; one reconciliation later nothing is leased."""
        for told in self.machine.running().values():
            os.kill(int(told["place"].split(":")[1]), signal.SIGKILL)
        while self.machine.running():
            time.sleep(0.001)
        self._reconcile_and_look(boot=True)
        if self.book.live():
            self.faults.append("leases are left after everything ended")
        (check,) = sqlite3.connect(self.book.file).execute("PRAGMA integrity_check").fetchone()
        if check != "ok":
            self.faults.append(f"the file is damaged: {check}")

    def _start(self, kind: str, user: str, point: int) -> tuple[int, str]:
        self.made += 1
        request = self.random.choice(REQUESTS)
        name = f"{'j' if kind == 'client' else 'c'}{self.made}"
        stays = self.random.random() < 0.3
        work: dict[str, Callable[[], None]] = {
            "spawn": lambda: spawn(self.machine, user, request, name),
            "stop": lambda: stop(self.machine, user),
            "reconcile": lambda: reconcile(self.machine),
            "client": lambda: client(self.machine, user, request, name, stays=stays),
        }

        def counted() -> None:
            Points.last, Points.passed = point, 0
            try:
                work[kind]()
            finally:
                (self.machine.folder / f"{kind}.{name}").write_text(str(Points.passed))

        return fork(counted), name

    def _wait(self, pid: int, name: str) -> int | None:
        """Return how a process ended (minus the signal); None: it stays and holds its lease."""
        end = time.monotonic() + LONGEST_S
        while True:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            if (self.machine.folder / f"{name}.stays").exists():
                return None
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                self.faults.append("a process hung")
            time.sleep(0.0005)

    def _kill_one_that_runs(self) -> int | None:
        """Return which; None: nothing runs."""
        running = self.machine.running()
        if not running:
            return None
        told = running[self.random.choice(sorted(running))]
        pid = int(told["place"].split(":")[1])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        while processes.is_alive(told["place"]):
            time.sleep(0.0005)  # the signal is sent, and the process ends a moment later
        return pid

    def _let_the_engine_finish(self) -> None:
        """Wait until each container that a killed hub had started can be seen.

        The order to start one and its appearance are one piece in the engine's hands, and take less time than a hub needs to start again
        and look; here the hub is back within a millisecond, and would call a reservation unused whose container is just appearing.
        """
        end = time.monotonic() + LONGEST_S
        while not children() <= {
            int(told["place"].split(":")[1]) for told in self.machine.running().values()
        }:
            reap()
            if time.monotonic() > end:
                self.faults.append("a container never appeared")
                return
            time.sleep(0.0005)

    def _reconcile_and_look(self, *, boot: bool) -> None:
        reap()
        self._let_the_engine_finish()
        at = time.time()
        for action in self.book.reconcile(self.machine.seen(), boot=boot, as_of=at):
            self.found[f"reconciled: {action.kind}"] += 1
        running, live = self.machine.running(), {lease.id: lease for lease in self.book.live()}
        used = Counter(
            place for told in running.values() for place in told["labels"][labels.DEVICES].split(",")
        )
        for place, number in used.items():
            if number > 1:
                self.found["double-booked"] += 1
                self.faults.append(f"{number} processes on {place}")
        with_lease = {told["labels"][labels.LEASE] for told in running.values()}
        for lease_id in with_lease - live.keys():
            self.found["without lease"] += 1
            self.faults.append(f"a process runs with the lease {lease_id}, which is not live")
        for lease_id in live.keys() - with_lease:
            self.found["leaked"] += 1
            self.faults.append(f"{live[lease_id]} is held by nobody")


def children() -> set[int]:
    """Return the processes that are this one's, by their own parents or because these were killed; without those that have ended."""
    return {child.pid for child in psutil.Process().children() if processes.place_of(child.pid)}


def reap() -> None:
    """Collect processes whose parent was killed."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main(steps: int, seed: int) -> dict[str, Any]:
    """Do so many steps in each of which a process was killed; return what was found."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # In memory where there is such a place: kill -9 takes nothing from the system's cache, and syncing is not what is tried.
    memory = Path("/dev/shm")
    folder = Path(
        tempfile.mkdtemp(prefix="tidelab-faults-", dir=memory if os.access(memory, os.W_OK) else None)
    )
    began, done, tried = time.monotonic(), 0, 0
    trial = Trial(Machine(folder), seed)
    try:
        while done < steps and not trial.faults:
            tried += 1
            done += trial.step()
        trial.end()
    finally:
        for told in trial.machine.running().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(told["place"].split(":")[1]), signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "killed": done, "steps": tried, "seconds": round(time.monotonic() - began, 1), "seed": seed,
        "double_booked": trial.found["double-booked"], "leaked": trial.found["leaked"], "without_lease": trial.found["without lease"],
        "points": {kind: f"{sum(k == kind for k, _ in trial.covered)} of {longest}" for kind, longest in trial.longest.items()},
        "found": dict(sorted(trial.found.items())), "faults": trial.faults[:10],
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
