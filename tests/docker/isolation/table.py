"""The isolation table: each way in, how it is tried from inside a person's container, and what has to happen.

`tests/docker/test_isolation.py` tries them all and compares; ``python -m tests.docker.isolation.table`` writes the same rows into
``docs/explanation/isolation.md``, and a test without containers holds the page to them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[3] / "docs" / "explanation" / "isolation.md"
START, END = "<!-- table: python -m tests.docker.isolation.table -->", "<!-- end of table -->"


@dataclass(frozen=True)
class Row:
    """One line: `attempt` names the function of this package, `expected` is its answer, word for word."""

    attempt: str
    way: str
    tried: str
    expected: str


TABLE: Final = (
    Row("neighbour_directly", "Another person's server, by its address", "connect to port 8888 of another person's container", "no connection"),
    Row("neighbour_ports", "Whatever else another container offers", "connect to 1,000 ports of another person's container", "no connection"),
    Row("neighbour_through_the_proxy", "Another person's server, through the proxy", "contents, kernels, terminals, a file and a page, with one's own server's token", "refused"),
    Row("neighbour_files", "Another person's files and runs", "look at the other home and its runs by their path", "not there"),
    Row("homes_that_can_be_seen", "Whose homes there are", "list the folder of the homes", "only one's own"),
    Row("link_into_another_home", "A link out of one's home", "follow a symbolic link from one's home into another", "not there"),
    Row("data_of_the_hub", "Databases, secrets and logs of hub, MLflow and GPU service", "look at their folders by path", "not there"),
    Row("mlflow_of_others", "Another person's experiments", "read the experiment, run and artifact; write, tag and delete; take a protected model's name", "refused"),
    Row("mlflow_search", "Another person's experiments, by search", "search all experiments", "saw none of others"),
    Row("mlflow_in_ones_own_name", "*Control:* one's own experiments", "make an experiment", "allowed"),
    Row("hub_api", "The hub's API with the server's token", "other people's servers and tokens, new tokens, new people, own admin rights, groups, shares, proxy, services, shutdown", "refused"),
    Row("hub_api_list_of_people", "Who has an account", "list the people", "refused"),
    Row("hub_pages", "The hub's pages on its own port", "admin, home, token and accounts page, without sign-in and with the server's token", "refused"),
    Row("hub_api_in_ones_own_name", "*Control:* one's own account", "ask the hub who one is", "allowed"),
    Row("proxy_api", "The proxy's own interface", "connect to it through the gateway", "no connection"),
    Row("engine_socket", "Docker's socket", "look for it; connect to ports 2375 and 2376 of the gateway", "no connection"),
    Row("host_services", "Other services of the machine", "connect to a program of the machine that listens on all addresses, through the gateway and by the machine's other addresses", "no connection"),
    Row("hub_and_proxy", "*Control:* hub and proxy", "connect to their ports on the gateway", "allowed"),
    Row("metadata_addresses", "Metadata services of clouds", "connect to 169.254.169.254 and three others", "no connection"),
    Row("private_networks", "The institute's network", "connect to addresses of private networks", "no connection"),
    Row("ipv6", "IPv6, which the rules do not cover", "list the addresses of the network card", "no address"),
    Row("capabilities", "Capabilities of root", "all five sets of the server and of its first process", "none"),
    Row("who_one_is", "Being root", "user ids of the server and of its first process", "not root"),
    Row("new_privileges", "Gaining privileges by starting a program", "`NoNewPrivs` of the server and of its first process", "never"),
    Row("setuid_programs", "Set-uid programs of the image", "start each and look who it is", "stayed oneself"),
    Row("system_calls", "System calls that change the machine", "mount, namespaces, chroot, clock, modules, BPF, keys", "not permitted"),
    Row("device_files", "Devices", "list them; make one", "not permitted"),
    Row("raw_sockets", "Forged packets", "open raw and packet sockets", "not permitted"),
    Row("switches_of_the_kernel", "Switches of the kernel and one's own limits", "open them for writing below /proc and /sys", "not permitted"),
    Row("memory_of_the_machine", "Memory and keys of the kernel", "read /proc/kcore, /dev/mem and others", "nothing"),
    Row("other_processes", "Processes of others", "look for a process of the machine and of another container that carry a mark", "only one's own"),
    Row("gpu_without_a_lease", "A GPU without a lease", "look for devices and the driver", "none"),
    Row("secrets_in_the_environment", "Secrets in the environment", "look for any but one's own token", "one's own token alone"),
    Row("files_of_the_image", "The environments that everyone uses", "write below /opt, /usr, /etc and /", "read-only"),
    Row("shared_data", "Shared data, champions, use cases", "write into each", "read-only"),
    Row("ones_own_home", "*Control:* one's own home", "write into it", "allowed"),
    Row("temporary_files", "Filling the disk by temporary files", "write into /tmp and /dev/shm beyond the server's memory", "full"),
    Row("fork_bomb", "A fork bomb", "6,000 processes; the other person's server is asked meanwhile", "stopped at the limit"),
    Row("memory_bomb", "A memory bomb", "ask for twice the server's memory; then both servers are asked", "killed alone"),
)  # fmt: skip


def markdown() -> str:
    """Return the table as the page shows it."""
    lines = ["| way in | how it is tried | what happens |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {row.way} | {row.tried} | {row.expected} |" for row in TABLE)])


def with_table(page: str) -> str:
    """Return a page with the table between its two marks."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n{markdown()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
