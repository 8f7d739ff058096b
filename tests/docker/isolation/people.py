"""Other people: their servers, files, experiments and accounts; MLflow and the hub, asked with one's own server's token."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from .core import SECONDS, ask, attempt, error_of, reached, refused, there


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
    return there(given["neighbour_paths"])


@attempt
def homes_that_can_be_seen(given: dict[str, Any]) -> str:
    found = sorted(Path.home().parent.iterdir())
    return "only one's own" if found == [Path.home()] else f"saw {found}"


@attempt
def data_of_the_hub(given: dict[str, Any]) -> str:
    return there(given["hub_paths"])


@attempt
def link_into_another_home(given: dict[str, Any]) -> str:
    link = Path.home() / ".tidelab-probe-link"
    try:
        link.symlink_to(given["neighbour_paths"][0])
        return error_of(lambda: list(link.iterdir()))
    finally:
        link.unlink()


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
