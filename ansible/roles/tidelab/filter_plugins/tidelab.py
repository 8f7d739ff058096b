"""Filters of the role: the first address of a network, and a value as systemd's EnvironmentFile reads it."""

import ipaddress
import json

from ansible.errors import AnsibleFilterError


def gateway(subnet: str) -> str:
    """Return the first address of an IPv4 network, where hub and proxy listen."""
    try:
        return str(ipaddress.IPv4Network(subnet)[1])
    except (ValueError, IndexError) as error:
        raise AnsibleFilterError(
            f"tidelab_subnet is {subnet!r}; expected an IPv4 network such as 172.30.77.0/24 ({error})."
        ) from None


def environment_value(value: object) -> str:
    r"""Return a value for ``NAME=value`` in an EnvironmentFile: lists as JSON, yes and no as 1 and 0, quoted and escaped.

    systemd removes backslashes inside double quotes only before ``"``, ``\\``, ``$`` and a backtick, as a shell does.
    """
    if isinstance(value, bool):
        text = str(int(value))
    elif isinstance(value, list | dict):
        text = json.dumps(value)
    else:
        text = str(value)
    if any(ord(character) < 32 for character in text):
        raise AnsibleFilterError(
            "A setting holds a line break or another control character; give it on one line."
        )
    for character in ("\\", '"', "$", "`"):
        text = text.replace(character, "\\" + character)
    return f'"{text}"'


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"tidelab_gateway": gateway, "tidelab_environment_value": environment_value}
