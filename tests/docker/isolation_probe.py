"""Runs inside a person's container, as the person, with what the container has: every way out, tried. Standard library only.

Reads one JSON object from its argument (addresses and paths that an attacker would know) and prints one: attempt -> what happened,
in words that are the same on every machine. Whatever is made or filled is bounded and taken away again.
"""

import ctypes
import errno
import glob
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

ATTEMPTS: dict[str, Callable[[dict[str, Any]], str]] = {}
SECONDS = 3.0
MOST_FORKS = 6000
libc = ctypes.CDLL(None, use_errno=True)


def attempt(function: Callable[[dict[str, Any]], str]) -> Callable[[dict[str, Any]], str]:
    """Note a function under its name."""
    ATTEMPTS[function.__name__] = function
    return function


def connect(address: str, port: int) -> bool:
    """Return whether somebody accepts a connection; nothing is sent and nothing read."""
    try:
        socket.create_connection((address, port), SECONDS).close()
    except OSError:
        return False
    return True


def reached(*targets: tuple[str, int]) -> str:
    """Say which of some addresses accept a connection."""
    found = [f"{address}:{port}" for address, port in targets if connect(address, port)]
    return f"connected to {', '.join(found)}" if found else "no connection"


def ask(method: str, url: str, body: Any = None, token: str | None = "own") -> tuple[int, str]:
    """Send a request with the server's own token (or none) and return status and text; redirects are not followed."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {os.environ['JUPYTERHUB_API_TOKEN']}"
    request = urllib.request.Request(url, method=method, headers=headers)
    data = None if body is None else json.dumps(body).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    try:
        with opener.open(request, data, timeout=20) as answer:
            return answer.status, answer.read(200_000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(200_000).decode(errors="replace")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def refused(*answers: tuple[int, str]) -> str:
    """Say whether every answer was a refusal; "not found" is one: what one may not see does not exist."""
    codes = [code for code, _ in answers]
    return "refused" if codes and all(code in (401, 403, 404, 405) for code in codes) else f"answered {codes}"


def error_of(action: Callable[[], Any]) -> str:
    """Say how an action failed, or that it did not."""
    try:
        action()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            return "not permitted"
        return {errno.EROFS: "read-only", errno.ENOENT: "not there"}.get(
            error.errno or 0, errno.errorcode.get(error.errno or 0, str(error))
        )
    return "done"


def once(outcomes: list[str]) -> str:
    """Return the different outcomes, joined."""
    return ", ".join(sorted(set(outcomes))) or "nothing to try"


def write(path: str) -> str:
    """Try to make a file in a folder, and take it away again."""

    def make() -> None:
        file = os.path.join(path, f".tidelab-probe-{os.getpid()}")
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        os.unlink(file)

    return error_of(make)


# Other people


@attempt
def neighbour_directly(given: dict[str, Any]) -> str:
    return reached(*((address, 8888) for address in given["neighbours"]))


@attempt
def neighbour_ports(given: dict[str, Any]) -> str:
    """A scan without waiting: 1000 ports of each neighbour."""
    found = []
    for address in given["neighbours"]:
        waiting = []
        for port in [*range(1, 900), *range(8000, 8100), 5432]:
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex((address, port))
            waiting.append((port, one))
        time.sleep(SECONDS)
        for port, one in waiting:
            try:
                one.getpeername()
                found.append(f"{address}:{port}")
            except OSError:
                pass
            one.close()
    return f"open: {', '.join(found)}" if found else "no connection"


@attempt
def neighbour_through_the_proxy(given: dict[str, Any]) -> str:
    base = given["neighbour_url"]
    paths = ("api/contents", "api/kernels", "api/terminals", "files/secret.txt", "lab")
    answers = [ask("GET", base + path) for path in paths] + [ask("POST", base + "api/terminals", {})]
    # A redirect leads to the hub's sign-in, which this token is not.
    answers = [(403, "") if code == 302 else (code, text) for code, text in answers]
    if any("SECRET" in text for _, text in answers):
        return "read the secret"
    return refused(*answers)


@attempt
def neighbour_files(given: dict[str, Any]) -> str:
    return once([error_of(lambda path=path: os.stat(path)) for path in given["neighbour_paths"]])  # type: ignore[misc]


@attempt
def homes_that_can_be_seen(given: dict[str, Any]) -> str:
    found = sorted(os.listdir(os.path.dirname(os.environ["HOME"])))
    return "only one's own" if found == [os.path.basename(os.environ["HOME"])] else f"saw {found}"


@attempt
def data_of_the_hub(given: dict[str, Any]) -> str:
    return once([error_of(lambda path=path: os.stat(path)) for path in given["hub_paths"]])  # type: ignore[misc]


@attempt
def link_into_another_home(given: dict[str, Any]) -> str:
    link = os.path.join(os.environ["HOME"], ".tidelab-probe-link")
    try:
        os.symlink(given["neighbour_paths"][0], link)
        return error_of(lambda: os.listdir(link))
    finally:
        os.unlink(link)


# MLflow


@attempt
def mlflow_of_others(given: dict[str, Any]) -> str:
    base, other, run = given["mlflow"] + "/api/2.0/mlflow/", given["experiment"], given["run"]
    return refused(
        ask("GET", f"{base}experiments/get?experiment_id={other}"),
        ask("GET", f"{base}runs/get?run_id={run}"),
        ask("GET", f"{base}artifacts/list?run_id={run}"),
        ask("GET", f"{given['mlflow']}/get-artifact?path=secret.txt&run_uuid={run}"),
        ask("POST", f"{base}runs/create", {"experiment_id": other}),
        ask("POST", f"{base}runs/set-tag", {"run_id": run, "key": "k", "value": "v"}),
        ask("POST", f"{base}runs/delete", {"run_id": run}),
        ask("POST", f"{base}experiments/delete", {"experiment_id": other}),
        ask("POST", f"{base}registered-models/create", {"name": given["slug"]}),
    )


@attempt
def mlflow_search(given: dict[str, Any]) -> str:
    code, text = ask("POST", given["mlflow"] + "/api/2.0/mlflow/experiments/search", {"max_results": 100})
    return (
        "saw another's"
        if given["experiment_name"] in text
        else ("saw none of others" if code == 200 else f"answered {code}")
    )


@attempt
def mlflow_in_ones_own_name(given: dict[str, Any]) -> str:
    """The control: what is allowed works."""
    body = {"name": f"{given['slug']}/{os.environ['JUPYTERHUB_USER']}"}
    code, text = ask("POST", given["mlflow"] + "/api/2.0/mlflow/experiments/create", body)
    return "allowed" if code == 200 or "RESOURCE_ALREADY_EXISTS" in text else f"answered {code}"


# The hub


@attempt
def hub_api(given: dict[str, Any]) -> str:
    api, other, me = given["hub_api"], given["neighbour"], os.environ["JUPYTERHUB_USER"]
    return refused(
        ask("GET", f"{api}/users/{other}"),
        ask("GET", f"{api}/users/{other}/tokens"),
        ask("POST", f"{api}/users/{other}/servers/{given['slug']}", {}),
        ask("DELETE", f"{api}/users/{other}/servers/{given['slug']}"),
        ask("POST", f"{api}/users/{me}/tokens", {"note": "probe"}),
        ask("POST", f"{api}/users/mallory"),
        ask("PATCH", f"{api}/users/{me}", {"admin": True}),
        ask("POST", f"{api}/groups/maintainers-{given['slug']}/users", {"users": [me]}),
        ask("POST", f"{api}/shares/{me}/{given['slug']}", {"user": other}),
        ask("GET", f"{api}/proxy"), ask("GET", f"{api}/services"), ask("POST", f"{api}/shutdown", {}),
    )  # fmt: skip


@attempt
def hub_api_list_of_people(given: dict[str, Any]) -> str:
    code, text = ask("GET", f"{given['hub_api']}/users")
    return (
        "saw others"
        if given["neighbour"] in text
        else refused((code, text))
        if code != 200
        else "saw only oneself"
    )


@attempt
def hub_pages(given: dict[str, Any]) -> str:
    """Admin pages on the hub's own port, without a sign-in and with the server's token."""
    base = given["hub_api"].removesuffix("/api")
    answers = [
        ask("GET", f"{base}/{page}", token=token)
        for page in ("admin", "home", "token", "accounts")
        for token in (None, "own")
    ]
    answers = [(403, "") if code == 302 else (code, text) for code, text in answers]
    return refused(*answers)


@attempt
def hub_api_in_ones_own_name(given: dict[str, Any]) -> str:
    """The control."""
    code, text = ask("GET", f"{given['hub_api']}/user")
    return (
        "allowed"
        if code == 200 and json.loads(text)["name"] == os.environ["JUPYTERHUB_USER"]
        else f"answered {code}"
    )


@attempt
def proxy_api(given: dict[str, Any]) -> str:
    return reached((given["gateway"], given["proxy_api_port"]))


# The machine


@attempt
def engine_socket(given: dict[str, Any]) -> str:
    found = [
        path
        for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock")
        if os.path.exists(path)
    ]
    return f"found {found}" if found else reached(*((given["gateway"], port) for port in (2375, 2376)))


@attempt
def host_services(given: dict[str, Any]) -> str:
    return reached(*((address, given["host_port"]) for address in given["host_addresses"]))


@attempt
def hub_and_proxy(given: dict[str, Any]) -> str:
    """The control: these two are open."""
    opened = [connect(given["gateway"], port) for port in (given["hub_port"], given["proxy_port"])]
    return "allowed" if all(opened) else f"hub and proxy: {opened}"


@attempt
def metadata_addresses(given: dict[str, Any]) -> str:
    """Only a connection is asked for, nothing of what may be behind it."""
    return reached(
        *(
            (address, 80)
            for address in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16")
        )
    )


@attempt
def private_networks(given: dict[str, Any]) -> str:
    return reached(
        *((address, port) for address in ("10.0.0.1", "192.168.0.1", "172.17.0.1") for port in (80, 443))
    )


@attempt
def ipv6(given: dict[str, Any]) -> str:
    with open("/proc/net/if_inet6") as stream:
        found = [line.split()[-1] for line in stream if line.split()[-1] != "lo"]
    return f"addresses on {found}" if found else "no address"


# The kernel


def status(pid: int | str = "self") -> dict[str, str]:
    """Return /proc/<pid>/status."""
    with open(f"/proc/{pid}/status") as stream:
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
    found = [file for folder in ("/usr/bin", "/bin", "/usr/sbin", "/usr/lib") for file in glob.glob(folder + "/**", recursive=True)
             if os.path.isfile(file) and os.stat(file).st_mode & 0o6000]  # fmt: skip
    gained = []
    for file in sorted(set(map(os.path.realpath, found))):
        child = subprocess.Popen(
            [file, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            uids = status(child.pid)["Uid"].split()
            gained += [file] if "0" in uids else []
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
    more = sorted(set(os.listdir("/dev")) - known)
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


@attempt
def switches_of_the_kernel(given: dict[str, Any]) -> str:
    files = ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/vm/drop_caches",
             "/sys/kernel/uevent_helper", *glob.glob("/sys/fs/cgroup/*/release_agent"), *glob.glob("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
             *glob.glob("/sys/fs/cgroup/memory.max")]  # fmt: skip
    done = [
        file for file in files if error_of(lambda file=file: os.close(os.open(file, os.O_WRONLY))) == "done"
    ]  # type: ignore[misc]
    return f"could write {done}" if done else "not permitted"


@attempt
def memory_of_the_machine(given: dict[str, Any]) -> str:
    read = []
    for file in ("/proc/kcore", "/dev/mem", "/dev/kmem", "/proc/kmsg", "/proc/timer_list", "/proc/keys"):
        try:
            with open(file, "rb") as stream:
                read += [file] if stream.read(16) else []
        except OSError:
            pass
    return f"read {read}" if read else "nothing"


@attempt
def other_processes(given: dict[str, Any]) -> str:
    """Another container's or the machine's process would show the marker that the test gave one of each."""
    seen = []
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            with open(f"{folder}/cmdline", "rb") as stream:
                words = stream.read().decode(errors="replace")
        except OSError:
            continue
        if given["marker"] in words and folder != f"/proc/{os.getpid()}":
            seen.append(words[:60])
    uids = {os.stat(folder).st_uid for folder in glob.glob("/proc/[0-9]*") if os.path.exists(folder)}
    return (
        f"saw {seen}"
        if seen
        else ("only one's own" if uids == {os.getuid()} else f"processes of {sorted(uids)}")
    )


@attempt
def gpu_without_a_lease(given: dict[str, Any]) -> str:
    found = glob.glob("/dev/nvidia*") + glob.glob("/dev/dri*") + glob.glob("/proc/driver/nvidia*")
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


# What may be written, and how much


@attempt
def files_of_the_image(given: dict[str, Any]) -> str:
    return once(
        [
            write(path)
            for path in (
                "/",
                "/opt",
                "/opt/tidelab",
                "/opt/tidelab-envs",
                "/usr/bin",
                "/etc",
                "/var/tmp",
                "/home",
            )
        ]
    )


@attempt
def shared_data(given: dict[str, Any]) -> str:
    return once([write(path) for path in given["read_only"]])


@attempt
def ones_own_home(given: dict[str, Any]) -> str:
    """The control."""
    return "allowed" if write(os.environ["HOME"]) == "done" else "not writable"


@attempt
def temporary_files(given: dict[str, Any]) -> str:
    """Fill /tmp and shared memory, up to a bound far above their limits; a program there gains nothing."""
    said = []
    for folder in ("/tmp", "/dev/shm"):
        file, block, written = f"{folder}/.tidelab-probe-{os.getpid()}", bytes(8 * 1024**2), 0
        try:
            with open(file, "wb", buffering=0) as stream:
                while written < given["tmp_bound"]:
                    written += stream.write(block)
            said.append(f"{folder}: no limit")
        except OSError as error:
            said.append("full" if error.errno == errno.ENOSPC else str(error))
        finally:
            if os.path.exists(file):
                os.unlink(file)
    return once(said)


@attempt
def fork_bomb(given: dict[str, Any]) -> str:
    """At most `MOST_FORKS` children that only wait; all are ended."""
    children: list[int] = []
    stopped = "no limit"
    try:
        while len(children) < MOST_FORKS:
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            children.append(pid)
    except OSError as error:
        stopped = "stopped at the limit" if error.errno == errno.EAGAIN else str(error)
    time.sleep(given.get("bomb_s", 1.0))
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    for pid in children:
        os.waitpid(pid, 0)
    return stopped


@attempt
def memory_bomb(given: dict[str, Any]) -> str:
    """A child asks for twice what the server has, page by page; the bound keeps a server without a limit from harm."""
    pid = os.fork()
    if pid == 0:
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("1000")
        held = []
        for _ in range(given["memory_bound"] // (16 * 1024**2)):
            held.append(b"\x01" * (16 * 1024**2))
        os._exit(0)
    _, ended = os.waitpid(pid, 0)
    return "killed alone" if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL else "no limit"


def main() -> int:
    """Try the attempts that are named in the argument, or all."""
    given = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = {}
    for name in given.get("only") or ATTEMPTS:
        try:
            said[name] = ATTEMPTS[name](given)
        except Exception as error:
            said[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
