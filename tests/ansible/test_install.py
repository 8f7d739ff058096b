"""The playbook for real: a clean Debian with systemd becomes the hub over TLS, again without a change, upgraded, lost and restored.

In the order they stand; each goes on where the one before ended. Run by ``make prove`` (20 to 40 minutes on two cores). The figures it
prints stand in docs/howto/install-on-a-gpu-host.md.
"""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.ansible_host import BUNDLE, NAME, AnsibleHost, changed_tasks, why_not
from tests.support.hub import HubClient, wait_for

pytestmark = [pytest.mark.prove, pytest.mark.timeout(0)]
CERTIFICATES = f"{BUNDLE}.host"
USE_CASE = "flowcam-plankton"
INSTALLING = dict.fromkeys(
    ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), CERTIFICATES
)
VARIABLES = {
    "tidelab_install_environment": INSTALLING,
    "tidelab_images_arguments": [USE_CASE, "--flavour", "small", "--ca-bundle", CERTIFICATES],
    "tidelab_settings": {"TIDEHUB_GPUS": "simulated:2"},
    "tidelab_release": "first",
}
DATA = "/srv/tidelab/data"


class Site:
    """The hub as people reach it: by its name, over TLS, trusting the host's own authority."""

    def __init__(self, host: AnsibleHost, authority: Path) -> None:
        self.host, self.url, self.authority = host, f"https://{NAME}/", authority
        self.tokens: dict[str, str] = {}

    def client(self, name: str, password: str) -> HubClient:
        """Return a person's browser."""
        client = HubClient(self, name, password)  # type: ignore[arg-type]
        client.session.trust_env = False  # REQUESTS_CA_BUNDLE would be stronger than what we say here
        client.session.verify = str(self.authority)
        return client

    def signed_in(self, name: str, password: str) -> HubClient:
        """Sign in and take a token, with which `api` asks."""
        client = self.client(name, password).signed_in()
        xsrf = next(
            cookie.value
            for cookie in client.session.cookies
            if cookie.name == "_xsrf" and cookie.path == "/hub/"
        )
        answer = client.session.post(
            f"{self.url}hub/api/users/{name}/tokens", params={"_xsrf": xsrf}, json={"note": "prove"},
            headers={"Referer": f"{self.url}hub/token"}, timeout=60,
        )  # fmt: skip
        answer.raise_for_status()
        self.tokens[name] = answer.json()["token"]
        return client

    def ask(self, name: str, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Ask anything below the hub's address with a person's token."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        return requests.request(
            method, self.url + path, headers=headers, verify=str(self.authority), timeout=60, **kwargs
        )

    def api(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Ask the hub's API; what `HubClient` needs."""
        return self.ask(path.split("/")[1], method, f"hub/api/{path}", **kwargs)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnsibleHost]:
    """Return a clean host."""
    if reason := why_not():
        pytest.skip(f"needs a container engine that can run a host with systemd: {reason}")
    with AnsibleHost(VARIABLES, tmp_path_factory.mktemp("ansible")) as made, made.known_by_name():
        yield made


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    """Return what later tests need of earlier ones."""
    return {}


def site(host: AnsibleHost, tmp_path: Path) -> Site:
    authority = tmp_path / "root.crt"
    authority.write_text(host.run("cat", "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"))
    return Site(host, authority)


def test_from_a_clean_host_to_the_hub_over_tls(
    host: AnsibleHost, state: dict[str, Any], tmp_path: Path
) -> None:
    engine = host.play("--tags", "common,docker")
    host.bring_base_image()
    played = host.play()
    figure("first run", seconds=engine.seconds + played.seconds, changed=engine.changed + played.changed)
    here = site(host, tmp_path)
    page = here.client("ada", first_password(host)).get("hub/login")
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Secure" in page.headers["Set-Cookie"]
    plain = requests.get(f"http://{NAME}/hub/login", allow_redirects=False, timeout=30)
    assert (plain.status_code, plain.headers["Location"]) == (308, f"https://{NAME}/hub/login")
    here.signed_in("ada", first_password(host))
    assert "tidelab_hub|tidelab" in host.run(
        "runuser", "-u", "postgres", "--", "psql", "-At", "-c",
        "SELECT datname || '|' || rolname FROM pg_database JOIN pg_roles ON datdba = pg_roles.oid",
    )  # fmt: skip


def test_only_what_should_is_open(host: AnsibleHost) -> None:
    listening = host.run("ss", "-Hltn").split("\n")
    outside = {
        line.split()[3]
        for line in listening
        if line and not line.split()[3].startswith(("127.", "[::1]", "172.30.77.1:"))
    }
    assert outside == {"*:80", "*:443"}
    rules = host.run("nft", "list", "table", "inet", "tidelab_host")
    assert "policy drop" in rules
    assert "tcp dport { 22, 80, 443 } accept" in rules
    for file in ("secrets.env", "proxy-token.env", "backup.env", "backup-password"):
        assert host.run("stat", "-c", "%a %U", f"/etc/tidelab/{file}").strip() == "600 root", file
    assert host.run("stat", "-c", "%a %U", DATA).strip() == "700 tidelab"


def test_a_second_run_changes_nothing(host: AnsibleHost) -> None:
    played = host.play()
    assert played.changed == 0, changed_tasks(played.output)
    checked = host.play("--check")
    assert checked.changed == 0, changed_tasks(checked.output)
    figure("second run", seconds=played.seconds, changed=played.changed)
    figure("check mode", seconds=checked.seconds, changed=checked.changed)


def test_people_work(host: AnsibleHost, state: dict[str, Any], tmp_path: Path) -> None:
    here = site(host, tmp_path)
    state["ada"] = first_password(host)
    ada = here.signed_in("ada", state["ada"])
    said = tidelab(host, "-m", "tidehub", "accounts", "add", "bob")
    state["bob"] = next(line.split()[1] for line in said.splitlines() if "password " in line)
    started = time.monotonic()
    ada.open_lab(USE_CASE)
    figure("a server in a container", seconds=time.monotonic() - started)
    written = ada.lab(
        USE_CASE, "api/contents/note.txt", "PUT", json={"type": "file", "format": "text", "content": "krill"}
    )
    assert written.status_code == 201, written.text[:500]
    container = host.run("docker", "ps", "--quiet", "--filter", "label=org.tidelab.user=ada").strip()
    report = host.run(
        *("docker", "exec", container, "/opt/tidelab-envs/analyse/bin/tidelab", "report", USE_CASE),
        *("--images", "sample", "--out", f"{DATA}/homes/ada/report"),
    )
    assert "Traceback" not in report
    experiment = here.ask(
        "ada", "POST", "services/mlflow/api/2.0/mlflow/experiments/create", json={"name": f"{USE_CASE}/ada"}
    )
    assert experiment.status_code == 200, experiment.text[:500]
    lease = here.ask(
        "ada", "POST", "services/gpus/api/leases", json={"kind": "whole", "count": 1, "use_case": USE_CASE}
    )
    assert lease.ok, lease.text[:500]
    state["before"] = kept(host)
    assert "ada" in state["before"]["homes"]


def test_an_upgrade_leaves_servers_running(host: AnsibleHost, state: dict[str, Any], tmp_path: Path) -> None:
    here = site(host, tmp_path)
    ada = here.signed_in("ada", state["ada"])
    container = host.run("docker", "ps", "--quiet", "--filter", "label=org.tidelab.user=ada").strip()
    proxy = host.run("systemctl", "show", "--property", "MainPID", "--value", "tidelab-proxy").strip()
    answers: list[int] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.5):
            answers.append(ada.lab(USE_CASE, "api/status").status_code)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        played = host.play(tidelab_release="second")
    finally:
        stop.set()
        looking.join()
    figure(
        "upgrade",
        seconds=played.seconds,
        changed=played.changed,
        asked=len(answers),
        failed=sum(a != 200 for a in answers),
    )
    assert answers
    assert set(answers) == {200}
    assert host.run("readlink", "/opt/tidelab/current").strip().endswith("/second")
    assert host.run("systemctl", "show", "--property", "MainPID", "--value", "tidelab-proxy").strip() == proxy
    assert host.run("docker", "ps", "--quiet", "--filter", "label=org.tidelab.user=ada").strip() == container
    assert "before-upgrade" in host.run("tidelab-backup", "list")
    assert here.ask("ada", "GET", "hub/api/users/ada").json()["servers"][USE_CASE]["ready"]


def test_backup_destroy_restore(host: AnsibleHost, state: dict[str, Any], tmp_path: Path) -> None:
    before = kept(host)
    assert before["homes"] == state["before"]["homes"]
    started = time.monotonic()
    assert "Stored" in host.run("tidelab-backup", "make")
    figure("backup", seconds=time.monotonic() - started)
    destroy(host)
    again = host.play(tidelab_release="second")  # a new host: an empty hub, whose accounts are not ours
    figure("installed again", seconds=again.seconds, changed=again.changed)
    assert first_password(host) != state["ada"]
    refused = host.run("tidelab-restore", check=False)
    assert "is not empty. With --replace" in refused
    assert "The hub is running" in host.run("tidelab-restore", "--replace", check=False)
    host.run("systemctl", "stop", "tidelab-hub")
    started = time.monotonic()
    restored = host.run("tidelab-restore", "--replace")
    figure("restore", seconds=time.monotonic() - started)
    assert "homes of" in restored
    host.run("systemctl", "start", "tidelab-hub")
    host.wait_until_healthy()
    after = kept(host)
    for what in before:
        assert after[what] == before[what], what
    here = site(host, tmp_path)
    here.signed_in("bob", state["bob"])
    ada = here.signed_in("ada", state["ada"])
    ada.open_lab(USE_CASE)
    assert ada.lab(USE_CASE, "api/contents/note.txt").json()["content"] == "krill"
    found = wait_for(lambda: mlflow_experiments(here), "MLflow", 120)
    assert f"{USE_CASE}/ada" in found


def first_password(host: AnsibleHost) -> str:
    """Return the password of the first account, which waits on the host for whoever installed it."""
    return host.run("cat", f"{DATA}/hub/first-password").strip()


def mlflow_experiments(here: Site) -> list[str]:
    """Return the names of the experiments that ada sees; empty while MLflow starts."""
    answer = here.ask("ada", "GET", "services/mlflow/api/2.0/mlflow/experiments/search?max_results=100")
    return [one["name"] for one in answer.json().get("experiments", [])] if answer.ok else []


def destroy(host: AnsibleHost) -> None:
    """Lose everything that lasts but the backups: data, databases, people's servers."""
    host.run("systemctl", "stop", "tidelab-hub", "tidelab-proxy")
    host.run(
        "bash",
        "-c",
        "docker ps --quiet --all --filter label=org.tidelab.instance | xargs --no-run-if-empty docker rm --force",
    )
    host.run("bash", "-c", f"rm -rf {DATA} && install -d -m 700 -o tidelab -g tidelab {DATA}")
    for name in ("tidelab_hub", "tidelab_mlflow"):
        host.run("runuser", "-u", "postgres", "--", "dropdb", "--force", name)


def kept(host: AnsibleHost) -> dict[str, Any]:
    """Return what has to be there after a restore: digests of files, rows of databases."""
    program = (
        "import hashlib,json,os,sqlite3,sys\n"
        "data=sys.argv[1]; homes={}\n"
        "for place,_,files in os.walk(data+'/homes'):\n"
        "    if '/.cache' in place or '/.jupyter' in place or '/.local' in place or '/.ipython' in place: continue\n"
        "    for name in files:\n"
        "        file=os.path.join(place,name)\n"
        "        if os.path.isfile(file): homes.setdefault(place[len(data)+7:].split('/')[0],[]).append("
        "[file[len(data):],hashlib.sha256(open(file,'rb').read()).hexdigest()])\n"
        "rows=lambda file,query:[list(row) for row in sqlite3.connect('file:'+data+file+'?mode=ro',uri=True).execute(query)]\n"
        "print(json.dumps({'homes':{k:sorted(v) for k,v in homes.items()},"
        "'accounts':rows('/hub/accounts.sqlite','select name from accounts order by 1'),"
        "'leases':rows('/gpus/leases.sqlite','select id, user from lease order by 1'),"
        "'cookie':hashlib.sha256(open(data+'/hub/cookie-secret','rb').read()).hexdigest(),"
        "'usage':sorted(os.listdir(data+'/usage'))}))\n"
    )
    found: dict[str, Any] = json.loads(
        host.run("runuser", "-u", "tidelab", "--", "python3", "-c", program, DATA).splitlines()[-1]
    )
    for name, query in (
        ("tidelab_hub", "SELECT name FROM users ORDER BY 1"),
        ("tidelab_mlflow", "SELECT name FROM experiments ORDER BY 1"),
    ):
        found[name] = host.run("runuser", "-u", "postgres", "--", "psql", "-At", "-d", name, "-c", query)
    return found


def tidelab(host: AnsibleHost, *arguments: str) -> str:
    """Run the hub's Python as the hub's user with its settings."""
    line = 'set -a; . /etc/tidelab/tidelab.env; exec runuser -u tidelab -- /opt/tidelab/current/.tidelab/envs/hub/bin/python "$@"'
    return host.run("bash", "-c", line, "-", *arguments)


def figure(what: str, **numbers: float) -> None:
    """Print a figure for the documentation."""
    print(
        f"FIGURE {what}: " + ", ".join(f"{name} {value:.0f}" for name, value in numbers.items()), flush=True
    )
