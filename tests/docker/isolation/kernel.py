"""What the kernel lets a server do: privileges, system calls, devices, processes of others."""

import ctypes
import errno
import os
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .core import attempt, error_of, once

libc = ctypes.CDLL(None, use_errno=True)


def status(pid: int | str = "self") -> dict[str, str]:
    """Return /proc/<pid>/status."""
    with Path(f"/proc/{pid}/status").open() as stream:
        return {key: value.strip() for key, _, value in (line.partition(":") for line in stream)}


@attempt
def capabilities(given: dict[str, Any]) -> str:
    found = {
        name: int(status(pid)[name], 16)
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
        for pid in ("self", 1)
    }
    return "none" if not any(found.values()) else str(found)


@attempt
def who_one_is(given: dict[str, Any]) -> str:
    ids = {*status()["Uid"].split(), *status(1)["Uid"].split()}
    return "root" if "0" in ids else "not root"


@attempt
def new_privileges(given: dict[str, Any]) -> str:
    values = {status(pid)["NoNewPrivs"] for pid in ("self", 1)}
    return "never" if values == {"1"} else f"NoNewPrivs {values}"


@attempt
def setuid_programs(given: dict[str, Any]) -> str:
    """Whatever is set-uid root in the image is run and asked who it is."""
    folders = [Path(folder) for folder in ("/usr/bin", "/bin", "/usr/sbin", "/usr/lib")]
    found = {
        file.resolve()
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and file.stat().st_mode & 0o6000
    }
    gained = []
    for file in sorted(found):
        child = subprocess.Popen(
            [file, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            uids = status(child.pid)["Uid"].split()
            gained += [str(file)] if "0" in uids else []
        except OSError:
            pass
        child.kill()
        child.wait()
    return f"became root by {gained}" if gained else "stayed oneself"


@attempt
def system_calls(given: dict[str, Any]) -> str:
    """mount, user namespaces, modules, BPF, clock, host name, tracing of others, reboot: by number (x86-64 and arm64 alike by libc)."""
    if status()["Seccomp"] != "2":
        return "no filter"
    calls: dict[str, Callable[[], int]] = {
        "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
        "umount": lambda: libc.umount2(b"/proc", 2),
        "user namespace": lambda: libc.unshare(0x10000000),
        "mount namespace": lambda: libc.unshare(0x00020000),
        "host name": lambda: libc.sethostname(b"evil", 4),
        "root folder": lambda: libc.chroot(b"/tmp"),
        "swap": lambda: libc.swapoff(b"/none"),
        "clock": lambda: libc.settimeofday(ctypes.byref(ctypes.c_longlong(0)), None),
        "module": lambda: libc.syscall(175 if os.uname().machine == "x86_64" else 105, None, 0, b""),
        "bpf": lambda: libc.syscall(321 if os.uname().machine == "x86_64" else 280, 0, None, 0),
        "keys": lambda: libc.syscall(250 if os.uname().machine == "x86_64" else 219, 0, -3, 0),
    }
    allowed = []
    for name, call in calls.items():
        ctypes.set_errno(0)
        if call() == 0 or ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            allowed.append(f"{name} ({errno.errorcode.get(ctypes.get_errno(), 'done')})")
    return f"allowed: {', '.join(allowed)}" if allowed else "not permitted"


@attempt
def device_files(given: dict[str, Any]) -> str:
    made = error_of(lambda: os.mknod(f"/tmp/.probe-{os.getpid()}", 0o20666, os.makedev(1, 1)))
    known = {
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
        "ptmx",
        "pts",
        "shm",
        "mqueue",
        "fd",
        "stdin",
        "stdout",
        "stderr",
        "core",
        "console",
    }
    more = sorted({file.name for file in Path("/dev").iterdir()} - known)
    return f"devices {more}" if more else made


@attempt
def raw_sockets(given: dict[str, Any]) -> str:
    kinds = [
        (socket.AF_INET, socket.IPPROTO_ICMP),
        (socket.AF_INET, socket.IPPROTO_TCP),
        (socket.AF_PACKET, socket.ntohs(3)),
    ]
    return once([error_of(lambda family=family, protocol=protocol: socket.socket(family, socket.SOCK_RAW, protocol).close())  # type: ignore[misc]
                 for family, protocol in kinds])  # fmt: skip


def _open_to_write(file: Path) -> None:
    os.close(os.open(file, os.O_WRONLY))


@attempt
def switches_of_the_kernel(given: dict[str, Any]) -> str:
    files = [Path(name) for name in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/net/ipv4/ip_forward",
                                     "/proc/sys/vm/drop_caches", "/sys/kernel/uevent_helper")]  # fmt: skip
    for pattern in ("*/release_agent", "memory/memory.limit_in_bytes", "memory.max"):
        files += Path("/sys/fs/cgroup").glob(pattern)
    done = [file for file in files if error_of(partial(_open_to_write, file)) == "done"]
    return f"could write {done}" if done else "not permitted"


@attempt
def memory_of_the_machine(given: dict[str, Any]) -> str:
    read = []
    for file in ("/proc/kcore", "/dev/mem", "/dev/kmem", "/proc/kmsg", "/proc/timer_list", "/proc/keys"):
        try:
            with Path(file).open("rb") as stream:
                read += [file] if stream.read(16) else []
        except OSError:
            pass
    return f"read {read}" if read else "nothing"


@attempt
def other_processes(given: dict[str, Any]) -> str:
    """Another container's or the machine's process would show the marker that the test gave one of each."""
    seen = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if given["marker"] in words and folder.name != str(os.getpid()):
            seen.append(words[:60])
    uids = {folder.stat().st_uid for folder in Path("/proc").glob("[0-9]*") if folder.exists()}
    return (
        f"saw {seen}"
        if seen
        else ("only one's own" if uids == {os.getuid()} else f"processes of {sorted(uids)}")
    )


@attempt
def gpu_without_a_lease(given: dict[str, Any]) -> str:
    found = [*Path("/dev").glob("nvidia*"), *Path("/dev").glob("dri*"), *Path("/proc").glob("driver/nvidia*")]
    return f"found {found}" if found else "none"


@attempt
def secrets_in_the_environment(given: dict[str, Any]) -> str:
    own = {"JUPYTERHUB_API_TOKEN", "MLFLOW_TRACKING_TOKEN", "JPY_API_TOKEN"}
    suspicious = [
        name
        for name in os.environ
        if name not in own
        and any(
            word in name
            for word in ("SECRET", "TOKEN", "PASSWORD", "TIDEHUB", "CONFIGPROXY", "COOKIE_SECRET")
        )
    ]
    tokens = {os.environ[name] for name in own if name in os.environ}
    return (
        f"found {suspicious}"
        if suspicious
        else "one's own token alone"
        if len(tokens) == 1
        else f"{len(tokens)} tokens"
    )
