"""The roles as files: what they promise is what they do, their templates make sound files, and no secret is logged."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import roles
from tidehub.settings import PREFIX, Settings, load_settings
from tidelab import paths

ROLES = roles.roles()
TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str, "path": str, "bool": bool, "int": int, "list": list, "dict": dict,
}  # fmt: skip
UNITS = [
    (role, file)
    for role in ROLES
    for file in roles.templates(role)
    if file.name.endswith((".service.j2", ".timer.j2"))
]


@pytest.mark.parametrize("role", ROLES)
def test_specification_and_defaults_agree(role: str) -> None:
    options = roles.read(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    values = roles.read(role, "defaults/main.yml")
    assert options.keys() == values.keys()
    for name, option in options.items():
        assert name.startswith(f"{role}_")
        assert option["description"].strip().endswith("."), name
        assert option["default"] == values[name], name
        assert isinstance(values[name], TYPES[option["type"]]) or "{{" in values[name], name
        assert "choices" not in option or values[name] in option["choices"], name


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_that_is_used_is_known(role: str) -> None:
    known = set(roles.defaults())
    for other in ROLES:
        for task in roles.tasks(other):
            known |= {task["register"]} if "register" in task else set()
            known |= set(task.get("ansible.builtin.set_fact", {}))
    folder = roles.ROOT / "roles" / role
    ours = re.compile(rf"(?<![\w./-])((?:{'|'.join(ROLES)})_[a-z_]+)(?![\w./-])")
    for file in (*folder.glob("tasks/*.yml"), *folder.glob("handlers/*.yml"), *folder.glob("templates/*")):
        for expression in re.findall(r"\{[{%](.*?)[%}]\}", file.read_text(), re.DOTALL):
            used = set(ours.findall(expression)) - set(roles.filters().FilterModule().filters())
            assert used <= known, f"{file}: {sorted(used - known)}"


@pytest.mark.parametrize("role", ROLES)
def test_no_secret_is_logged(role: str) -> None:
    secret = re.compile(
        r"tidelab_secrets|tidelab_install_environment|backup_environment|ansible.builtin.password|key_file\b|secrets\.env\.j2|backup\.env\.j2"
    )
    for task in roles.tasks(role):
        # Variables for a program's environment are no part of what Ansible says of the task.
        left_out = ("block", "rescue", "always", "when", "environment")
        own = {name: value for name, value in task.items() if name not in left_out}
        if secret.search(yaml.safe_dump(own)) and not {"ansible.builtin.assert"} & task.keys():
            assert task.get("no_log"), f"{role}: {task.get('name')}"


def test_settings_of_the_hub_are_what_the_hub_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    template = roles.ROOT / "roles" / "tidelab" / "templates"
    text = roles.render(
        template / "tidelab.env.j2",
        tidelab_port=9000,
        tidelab_hub_port=9081,
        tidelab_settings={"TIDEHUB_IDLE_MINUTES": 30, "TIDEHUB_SERVICES": ["cull"]},
    )
    text += roles.render(
        template / "secrets.env.j2", tidelab_secrets={"TIDEHUB_OIDC_CLIENT_SECRET": 'a"b$c\\d`'}
    )
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in sourced(text).items():
        assert name.removeprefix(PREFIX).lower() in Settings.model_fields or not name.startswith(PREFIX), name
        monkeypatch.setenv(name, value)
    found = load_settings()
    assert (found.mode, found.host, found.port, found.hub_port) == ("docker", "172.30.77.1", 9000, 9081)
    assert found.address == "https://lab.example.org/"
    assert found.trusted_proxies == ["172.30.77.1", "127.0.0.1"]
    assert (found.idle_minutes, found.services) == (30, ["cull"])
    assert found.oidc_client_secret.get_secret_value() == 'a"b$c\\d`'
    assert found.db_url
    assert found.db_url.get_secret_value() == "postgresql+psycopg2:///tidelab_hub?host=/var/run/postgresql"
    assert found.mlflow_db_url


def test_without_postgresql_the_hub_keeps_its_own_files() -> None:
    template = roles.ROOT / "roles" / "tidelab" / "templates" / "secrets.env.j2"
    assert "DB_URL" not in roles.render(template, postgresql_local=False)


@settings(max_examples=60)
@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=40))
def test_a_value_arrives_as_it_was_given(value: str) -> None:
    assert sourced(f"TIDELAB_VALUE={roles.filters().environment_value(value)}\n")["TIDELAB_VALUE"] == value


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "\x1b[2J"])
def test_a_value_of_several_lines_is_refused(value: str) -> None:
    with pytest.raises(Exception, match="one line"):
        roles.filters().environment_value(value)


@pytest.mark.parametrize("value", ["", "here", "172.30.77.1/24", "fe80::/64", "10.0.0.1/32"])
def test_a_network_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(Exception, match=r"expected an IPv4 network such as 172\.30\.77\.0/24"):
        roles.filters().gateway(value)


def test_settings_of_the_engine() -> None:
    template = roles.ROOT / "roles" / "docker" / "templates" / "daemon.json.j2"
    found = json.loads(roles.render(template))
    assert found == {
        "live-restore": True,
        "log-driver": "json-file",
        "log-opts": {"max-file": "3", "max-size": "20m"},
    }
    more = json.loads(
        roles.render(template, docker_data_root="/big/docker", docker_daemon_options={"mtu": 1400})
    )
    assert (more["data-root"], more["mtu"]) == ("/big/docker", 1400)
    assert "default-runtime" not in more
    assert json.loads(roles.render(template, docker_engine="existing"))["features"] == {"cdi": True}


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        ({"proxy_tls_certificate": "internal"}, "\ttls internal"),
        ({"proxy_tls_certificate": "files"}, "\ttls /etc/caddy/tls/certificate.pem /etc/caddy/tls/key.pem"),
        ({"proxy_tls_email": "admin@example.org"}, "\temail admin@example.org"),
        ({}, '\t\tStrict-Transport-Security "max-age=31536000"'),
    ],
)
def test_settings_of_caddy(chosen: dict[str, Any], line: str) -> None:
    text = roles.render(roles.ROOT / "roles" / "proxy_tls" / "templates" / "Caddyfile.j2", **chosen)
    assert line in text.splitlines()
    assert text.count("{") == text.count("}")
    assert ", *." not in text
    assert "reverse_proxy 172.30.77.1:8000 {" in text


def test_the_host_keeps_the_port_that_ansible_comes_through() -> None:
    text = roles.render(
        roles.ROOT / "roles" / "firewall" / "templates" / "host.nft.j2",
        firewall_host_tcp_ports=[443, 2222], firewall_host_trusted=["10.1.0.0/16", "2001:db8::/32"],
    )  # fmt: skip
    assert "tcp dport { 443, 2222 } accept" in text
    assert "ip saddr 10.1.0.0/16 accept" in text
    assert "ip6 saddr 2001:db8::/32 accept" in text
    assert "policy drop" in text


@pytest.mark.parametrize("name", ["tidelab-backup", "tidelab-restore"])
def test_commands_are_shell(name: str, tmp_path: Path) -> None:
    script = tmp_path / name
    script.write_text(
        roles.render(roles.ROOT / "roles" / "backup" / "templates" / "command.sh.j2", item=name)
    )
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert (
        script.read_text()
        .splitlines()[-1]
        .endswith('tidehub.backup restore "$@"' if "restore" in name else 'tidehub.backup "$@"')
    )


@pytest.mark.parametrize(("role", "file"), UNITS, ids=[file.stem for _, file in UNITS])
def test_units_are_sound(role: str, file: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze, which comes with systemd")
    unit = tmp_path / file.stem
    # Programs that are not here are not what is checked.
    text = re.sub(r"^(Exec\w+=[+-]*)\S+", r"\1/bin/true", roles.render(file), flags=re.MULTILINE)
    unit.write_text(re.sub(r"^(User|SupplementaryGroups)=.*\n", "", text, flags=re.MULTILINE))
    others = [
        other for other in roles.templates(role) if other.name.endswith(".service.j2") and other != file
    ]
    for other in others:
        (tmp_path / other.stem).write_text("[Service]\nExecStart=/bin/true\n")
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:", "SYSTEMD_LOG_LEVEL": "warning"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if str(unit) in line or unit.name in line]
    assert not said, "\n".join(said)


@pytest.fixture
def ansible(tmp_path: Path) -> dict[str, str]:
    """Return the variables with which Ansible's programs run."""
    programs = paths.envs() / "ansible" / "bin"
    if not programs.is_dir():
        pytest.skip("needs the environment `ansible`: ./tidelab env install ansible")
    path = f"{programs}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "ANSIBLE_HOME": str(tmp_path), "NO_COLOR": "1"}


@pytest.mark.parametrize("inventory", ["example", "container"])
def test_ansible_reads_the_playbook(inventory: str, ansible: dict[str, str]) -> None:
    command = ["ansible-playbook", "--syntax-check", "-i", f"inventories/{inventory}", "site.yml"]
    done = subprocess.run(
        command, cwd=roles.ROOT, env=ansible, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.prove
def test_ansible_lint_has_no_remark(ansible: dict[str, str]) -> None:
    """By its strictest profile."""
    command = ["ansible-lint", "--offline", "--profile", "production", "--nocolor", "."]
    done = subprocess.run(
        command, cwd=roles.ROOT, env=ansible, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def sourced(text: str) -> dict[str, str]:
    """Return the variables of an EnvironmentFile as a shell reads them, which tidelab-backup does."""
    done = subprocess.run(
        ["sh", "-c", 'set -a; eval "$1"; exec env -0', "-", text], env={}, capture_output=True, check=True
    )
    return dict(pair.split("=", 1) for pair in done.stdout.decode().split("\0") if "=" in pair)
