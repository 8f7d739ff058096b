"""``make run``: start Tidelab on this machine, say where it is, end it with Ctrl-C."""

import argparse
import os
import signal
import sys
from types import FrameType

from tidehub.docker.engine import EngineError
from tidehub.docker.ready import end_servers, get_ready
from tidehub.embedded.instance import AlreadyRunningError, Instance, end
from tidehub.embedded.ports import PortTakenError, choose_ports
from tidehub.embedded.supervisor import Plan, Supervisor, SupervisorError, private_folder
from tidehub.first_account import take_first_password
from tidehub.settings import PREFIX, Settings, SettingsError, load_settings
from tidelab import paths


def main(arguments: list[str] | None = None) -> int:
    """Run embedded mode until it is interrupted; return the exit code."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    folder = private_folder(private_folder(paths.data()) / "hub")
    # SIGINT even where a script that starts us in the background has switched it off; SIGHUP not under nohup, which wants that.
    for number in (signal.SIGINT, signal.SIGTERM, *_hangup()):
        signal.signal(number, _interrupt)
    try:
        settings = load_settings()
        instance = Instance(folder).claim()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    except AlreadyRunningError as error:
        where = (
            f"at {error.address}"
            if error.address
            else "and just starting; its address appears where it was started"
        )
        print(
            f"Tidelab is already running {where}\nEnd it with Ctrl-C in the terminal that shows it.",
            flush=True,
        )
        return 0
    return _run(options.port, settings, instance)


def _run(asked: int | None, settings: Settings, instance: Instance) -> int:
    before = end(instance.leftovers())
    if before:
        print(f"The previous start did not end in order; ended its {before} remaining processes.", flush=True)
    if asked is None and f"{PREFIX}PORT" in os.environ:
        asked = settings.port
    try:
        if settings.mode == "docker":
            get_ready(settings)  # the address that proxy and hub listen on is there once the network is
        ports = choose_ports(settings.host, asked, settings.folder / "ports.json", hub_host=settings.hub_host)
    except (PortTakenError, EngineError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    address = settings.model_copy(update={"port": ports.public}).address
    plan = Plan(settings.host, ports, address, settings.hub_host, bool(settings.subdomain_host))
    supervisor = Supervisor(plan, instance)
    code = 0
    try:
        print("Starting the hub ...", flush=True)
        supervisor.start()
        print(_welcome(settings, address), flush=True)
        supervisor.watch()
    except KeyboardInterrupt:
        print("\nEnding Tidelab and everything it started ...", flush=True)
    except SupervisorError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        code = 1
    finally:
        # A second Ctrl-C must not leave processes behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()
        _end_containers(settings)
        instance.release()
    print(
        "Ended. Results, notebooks and databases stay where they are; `make run` goes on from there.",
        flush=True,
    )
    return code


def _end_containers(settings: Settings) -> None:
    """End the servers that are containers: they are children of the engine, and would go on."""
    if settings.mode == "docker":
        try:
            if ended := end_servers(settings):
                print(f"Ended {ended} servers in containers.", flush=True)
        except EngineError as error:
            print(f"Servers in containers may still run. {error}", file=sys.stderr, flush=True)


def _welcome(settings: Settings, address: str) -> str:
    lines = ["", f"Tidelab is ready:  {address}", ""]
    password = take_first_password(settings.folder) if settings.auth == "local" else None
    if password:
        lines += [
            f"  user      {settings.admin}",
            f"  password  {password}",
            "",
            "The password is shown this once: keep it.",
            "",
        ]
    elif settings.auth == "local":
        lines += ["Log in with the user and password of the first start (lost it? `make password`).", ""]
    lines += [f"Logs: {paths.data() / 'logs'}    Ctrl-C ends Tidelab and everything it started."]
    return "\n".join(lines)


def _hangup() -> list[signal.Signals]:
    return [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tidehub.embedded", description="Start Tidelab on this machine.")
    parser.add_argument(
        "--port",
        type=int,
        help="port of the address people open (default: the last one, 8000, or a free one)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
