"""``python -m tidehub.serve network|proxy|hub``: what the supervisor starts, one by one, for the machine's service manager.

`tidehub.embedded` starts both and ends both. On a host that many people use they are two units of systemd instead, so that a
hub that restarts or is upgraded leaves the proxy, and with it everyone's open connections, alone. Each takes the same settings and
becomes the very program that the supervisor would start. ``network`` makes the network on whose gateway both listen, and ends.
"""

import argparse
import os
import sys
from urllib.parse import urlsplit

from tidehub.docker.engine import EngineError, connect
from tidehub.docker.network import ensure_network
from tidehub.embedded.instance import AlreadyRunningError, Instance
from tidehub.embedded.ports import Ports
from tidehub.embedded.supervisor import (
    Plan,
    command_of_hub,
    command_of_proxy,
    environment_of_hub,
    environment_of_proxy,
    private_folder,
)
from tidehub.settings import Settings, SettingsError, load_settings
from tidelab import paths

TOKEN_VARIABLE = "CONFIGPROXY_AUTH_TOKEN"  # noqa: S105 (the name of a variable)


def plan_of(settings: Settings) -> Plan:
    """Return where the settings say that proxy and hub listen; nothing is chosen, unlike in embedded mode."""
    api = urlsplit(settings.proxy_api_url)
    return Plan(
        settings.host,
        Ports(settings.port, api.port or 8001, settings.hub_port),
        settings.address,
        settings.hub_host,
        bool(settings.subdomain_host),
    )


def proxy(settings: Settings, token: str) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of the proxy."""
    return command_of_proxy(plan_of(settings)), environment_of_proxy(token)


def hub(settings: Settings, token: str) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of the hub, and hold the data folder for as long as it lives.

    Raises
    ------
    AlreadyRunningError
        When another hub (or ``make run``) uses the same data folder.
    """
    instance = Instance(private_folder(private_folder(paths.data()) / "hub")).claim()
    instance.record(settings.address, [])
    instance.keep_through_exec()
    # By its place in this release, not through a link that an upgrade points elsewhere while this hub still runs.
    command = [str(paths.env_python("hub")), *command_of_hub()[1:]]
    return command, environment_of_hub(plan_of(settings), token)


def network(settings: Settings) -> str:
    """Make the network of servers in containers if there is none; return what was done, in words.

    Raises
    ------
    EngineError
        When there is no engine, or the network that is there is another one.
    """
    made = ensure_network(connect(), settings)
    return f"The network {settings.docker_network} {'was made' if made else 'is there'} (gateway {settings.gateway})."


def main(arguments: list[str] | None = None) -> int:
    """Become the program; returns an exit status only when that fails."""
    parser = argparse.ArgumentParser(
        prog="python -m tidehub.serve", description="Run the proxy or the hub under a service manager."
    )
    parser.add_argument("program", choices=("network", "proxy", "hub"))
    program = parser.parse_args(arguments).program
    os.umask(0o077)
    try:
        settings = load_settings()
        if program == "network":
            print(network(settings), flush=True)
            return 0
        token = (
            settings.proxy_token.get_secret_value()
            if settings.proxy_token
            else os.environ.get(TOKEN_VARIABLE, "")
        )
        if len(token) < 32:
            raise SettingsError(
                f"{TOKEN_VARIABLE} is {'too short' if token else 'not set'}: proxy and hub prove to each other with it who they "
                "are. Give both the same secret of at least 32 characters, e.g. from `openssl rand -hex 32`."
            )
        command, environment = proxy(settings, token) if program == "proxy" else hub(settings, token)
    except (SettingsError, EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    except AlreadyRunningError as error:
        print(
            f"Another hub uses {paths.data()} already ({error.address or 'just starting'}). End it first.",
            file=sys.stderr,
        )
        return 1
    os.execve(command[0], command, environment)  # noqa: S606 (no shell wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
