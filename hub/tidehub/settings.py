"""Settings of the hub: environment variables that begin with ``TIDEHUB_``, checked when the hub starts.

Places (data, environments, use cases) are not settings of the hub: they are ``TIDELAB_*`` and read by `tidelab.paths`.
"""

import contextlib
import getpass
import ipaddress
import os
import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tidehub.names import ACCOUNT_NAME_RULE, account_name
from tidehub.settings_words import explain
from tidelab import paths

PREFIX = "TIDEHUB_"
ServiceName = Literal["mlflow", "models", "apps", "cull", "gpus"]


class SettingsError(ValueError):
    """Settings the hub cannot start with; the text names each variable, its value and the rule it breaks."""


class Settings(BaseSettings):
    """Everything an admin can set, with a default that is right for one person on one machine."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # Network
    host: str = Field(
        "127.0.0.1",
        description="Address the proxy listens on; the hub behind it stays on 127.0.0.1. In docker mode both are by default on the gateway "
        "of the servers' network, which this machine and its containers reach and nobody else",
    )
    port: int = Field(8000, ge=1, le=65535, description="Port of the proxy: the address people open")
    hub_port: int = Field(
        8081,
        ge=1,
        le=65535,
        description="Port of the hub behind the proxy; running servers remember it, so keep it",
    )
    proxy_api_url: str = Field(
        "http://127.0.0.1:8001", description="Where the proxy takes its routes from the hub"
    )
    proxy_token: SecretStr | None = Field(
        None,
        description="Secret shared with the proxy; default: CONFIGPROXY_AUTH_TOKEN, which the proxy reads too",
    )
    public_url: str = Field(
        "",
        description="Address people see when TLS ends in front of the proxy, e.g. https://lab.example.org/",
    )
    subdomain_host: str = Field(
        "",
        description="An origin of their own for each person and service below this address, e.g. https://lab.example.org; needs "
        "`*.lab.example.org` in DNS and certificate",
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="JSON list of addresses of reverse proxies in front of ours, whose X-Forwarded-For is believed",
    )

    # People
    auth: Literal["local", "oidc"] = Field(
        "local", description="local: accounts kept here; oidc: an OpenID Connect provider"
    )
    admin: str = Field(
        default_factory=lambda: account_name(getpass.getuser()),
        description="Name of the first admin account; default: the operating-system user",
    )
    shared_trust: bool = Field(
        False,
        description="1 allows a second account in embedded mode, where every account can read every other's files",
    )
    oidc_client_id: str = Field("", description="Client id registered at the provider")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="Client secret registered at the provider"
    )
    oidc_authorize_url: str = Field("", description="Authorization endpoint")
    oidc_token_url: str = Field("", description="Token endpoint")
    oidc_userdata_url: str = Field("", description="Userinfo endpoint")
    oidc_callback_url: str = Field("", description="Default: <public_url>hub/oauth_callback")
    oidc_login_name: str = Field("your institution", description="What the sign-in button says")
    oidc_username_claim: str = Field("preferred_username", description="Claim that becomes the user name")
    oidc_groups_claim: str = Field("groups", description="Claim that lists the person's groups")
    oidc_scope: list[str] = Field(
        default_factory=lambda: ["openid", "profile", "email"], description="JSON list of scopes to ask for"
    )
    oidc_allowed_groups: list[str] = Field(
        default_factory=list, description="JSON list: members may sign in; nobody else may"
    )
    oidc_admin_groups: list[str] = Field(default_factory=list, description="JSON list: members are admins")

    # Servers
    start_seconds: int = Field(
        120, ge=10, le=3600, description="How long a server may take to answer once it is started"
    )
    install_minutes: int = Field(
        60, ge=1, le=600, description="How long the first-use installation of a stack may take"
    )
    idle_minutes: float = Field(
        120, ge=0, description="A server with no work and no activity for so long is stopped; 0: never"
    )
    idle_check_seconds: float = Field(60, ge=1, le=3600, description="How often idle servers are looked for")

    disk_gb: float = Field(
        0,
        ge=0,
        description="GB that a person's files may take before every start of a server warns; 0: any amount; a limit set on the page Limits comes first",
    )
    disk_hard_factor: float = Field(
        1.5, ge=1, le=100, description="Above so many times that, only servers without a GPU start"
    )

    # Containers
    mode: Literal["embedded", "docker"] = Field(
        "embedded",
        description="embedded: servers are processes of this account; docker: each is a container with its owner's home alone",
    )
    docker_network: str = Field(
        "tidelab", description="Bridge network of the servers; made at start if there is none"
    )
    docker_subnet: str = Field(
        "172.30.77.0/24",
        description="Addresses of that network; the first is the gateway, where servers reach the hub and the proxy",
    )
    docker_images: str = Field(
        "tidelab",
        description="Prefix of the images' names (`tidelab images build`), a registry's address included",
    )
    docker_pull: bool = Field(
        False,
        description="1 fetches images that are not here from their registry; 0 says that they are missing",
    )
    docker_user: str = Field(
        "",
        description="uid:gid of the processes in containers; default: the hub's own, or 1000:1000 for a hub that is root",
    )
    egress: Literal["open", "internet", "none"] = Field(
        "internet",
        description="What servers in containers may reach: `internet`: no private network; `open`: those too; `none`: what is allowed",
    )
    egress_allow: list[str] = Field(
        default_factory=list,
        description='JSON list of networks that servers may reach besides, e.g. ["10.1.2.0/24"] for a registry or file server',
    )
    service_containers: list[Literal["apps"]] = Field(
        default_factory=lambda: list[Literal["apps"]](["apps"]),
        description="JSON list: docker mode runs these services in a container, away from the engine's socket; [] runs them beside the hub",
    )

    # GPUs
    gpus: str = Field(
        "auto",
        description="auto: what the NVIDIA driver shows; none; or `simulated:N`, N pretended GPUs to try queue and release with",
    )
    gpu_shared_slots: int = Field(
        0, ge=0, le=64, description="Places on each whole GPU offered as `shared` instead of whole; 0: none"
    )
    gpu_warn_minutes: float = Field(
        20,
        gt=0,
        description="After so long without use a GPU's holder is warned; half of it when somebody waits",
    )
    gpu_release_minutes: float = Field(
        30,
        ge=0,
        description="After so long without use a GPU is given back; half of it when somebody waits; 0: never",
    )
    gpu_keep_minutes: float = Field(60, gt=0, description="What one press of Keep adds")
    gpu_keep_times: int = Field(2, ge=0, description="How often one may press Keep in one lease")
    gpu_max_hours: float = Field(
        0, ge=0, description="Longest time of one lease, hours, enforced when somebody waits; 0: no limit"
    )
    gpu_per_person: int = Field(1, ge=1, description="GPUs that one person may hold at a time")
    gpu_for_apps: int = Field(0, ge=0, description="GPUs kept free for apps and batch runs")
    gpu_sample_seconds: float = Field(5, gt=0, le=300, description="How often use is measured")

    # Databases
    db_url: SecretStr | None = Field(
        None,
        description="Database of the hub, e.g. postgresql+psycopg2:///tidelab_hub?host=/var/run/postgresql; default: `<data>/hub/hub.sqlite`",
    )
    mlflow_db_url: SecretStr | None = Field(
        None,
        description="Database of MLflow's experiments and models, in the same form; default: `<data>/mlflow/mlflow.db`",
    )

    # Services and logs
    services: list[ServiceName] = Field(
        default_factory=lambda: list[ServiceName](["mlflow", "models", "apps", "cull", "gpus"]),
        description='JSON list of the services to start, e.g. ["apps", "cull"]',
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="How much the hub logs"
    )

    @model_validator(mode="before")
    @classmethod
    def _servers_reach_the_proxy(cls, values: Any) -> Any:
        """In docker mode the proxy listens by default where the servers reach it."""
        if isinstance(values, dict) and values.get("mode") == "docker" and not values.get("host"):
            subnet = values.get("docker_subnet", cls.model_fields["docker_subnet"].default)
            with contextlib.suppress(ValueError):  # said by the rule of the field itself
                return values | {"host": str(ipaddress.IPv4Network(subnet)[1])}
        return values

    @field_validator("host")
    @classmethod
    def _host_is_address(cls, value: str) -> str:
        if value != "localhost":
            try:
                ipaddress.ip_address(value)
            except ValueError as error:
                raise ValueError("must be an IP address or 'localhost'") from error
        return value

    @field_validator("admin")
    @classmethod
    def _admin_is_name(cls, value: str) -> str:
        name = account_name(value)
        if name != value.lower():
            raise ValueError(ACCOUNT_NAME_RULE)
        return name

    @field_validator("docker_network")
    @classmethod
    def _network_is_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}", value):
            raise ValueError("must be a name of letters, digits, dots, hyphens and underscores")
        return value

    @field_validator("docker_subnet")
    @classmethod
    def _subnet_has_room(cls, value: str) -> str:
        if (network := ipaddress.IPv4Network(value)).num_addresses < 8:
            raise ValueError("must be an IPv4 network with at least 8 addresses, e.g. 172.30.77.0/24")
        return str(network)

    @field_validator("egress_allow")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        return [str(ipaddress.IPv4Network(text)) for text in value]

    @field_validator(
        "proxy_api_url",
        "public_url",
        "subdomain_host",
        "oidc_authorize_url",
        "oidc_token_url",
        "oidc_userdata_url",
    )
    @classmethod
    def _is_url(cls, value: str, info: ValidationInfo) -> str:
        if value and not re.match(r"^https?://[^/\s]+(/\S*)?$", value):
            raise ValueError("must be a full address that begins with http:// or https://")
        if info.field_name == "subdomain_host":
            return value.rstrip("/")
        return value.rstrip("/") + "/" if value and info.field_name == "public_url" else value

    @field_validator("db_url", "mlflow_db_url")
    @classmethod
    def _is_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if not re.match(r"^(postgresql(\+psycopg2)?://|sqlite:////?)\S+$", value.get_secret_value()):
            raise ValueError("must begin with postgresql+psycopg2:// or sqlite:/// and hold no spaces")
        return value

    @field_validator("services")
    @classmethod
    def _models_needs_mlflow(cls, value: list[ServiceName]) -> list[ServiceName]:
        if "models" in value and "mlflow" not in value:
            raise ValueError("the service 'models' needs the service 'mlflow'")
        return list(dict.fromkeys(value))

    @model_validator(mode="after")
    def _people_have_hosts_below_the_public_one(self) -> Self:
        if self.subdomain_host and self.public_url != f"{self.subdomain_host}/":
            raise ValueError(
                f"{PREFIX}SUBDOMAIN_HOST={self.subdomain_host} needs {PREFIX}PUBLIC_URL={self.subdomain_host}/ "
                "(an address without a path, the same in both)"
            )
        return self

    @model_validator(mode="after")
    def _oidc_is_complete(self) -> Self:
        if self.auth != "oidc":
            return self
        needed = {
            "oidc_client_id": self.oidc_client_id,
            "oidc_client_secret": self.oidc_client_secret.get_secret_value(),
            "oidc_authorize_url": self.oidc_authorize_url,
            "oidc_token_url": self.oidc_token_url,
            "oidc_userdata_url": self.oidc_userdata_url,
        }
        missing = [f"{PREFIX}{name.upper()}" for name, value in needed.items() if not value]
        if not self.oidc_allowed_groups and not self.oidc_admin_groups:
            missing.append(f"{PREFIX}OIDC_ALLOWED_GROUPS (or {PREFIX}OIDC_ADMIN_GROUPS)")
        if not self.many_people:
            missing.append(
                f"{PREFIX}SHARED_TRUST=1 (embedded mode is one trust domain, and a provider brings many people)"
            )
        if missing:
            raise ValueError(f"{PREFIX}AUTH=oidc also needs {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _containers_are_not_locked_out(self) -> Self:
        loopback = self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        if self.mode == "docker" and loopback:
            raise ValueError(
                f"{PREFIX}MODE=docker with {PREFIX}HOST={self.host}: servers in containers cannot reach the proxy there. Leave "
                f"{PREFIX}HOST out (the proxy then listens on {self.gateway}), or set 0.0.0.0"
            )
        return self

    @property
    def many_people(self) -> bool:
        """Whether there may be more than one account: each has its own containers, or somebody said that they trust each other."""
        return self.mode == "docker" or self.shared_trust

    @property
    def gateway(self) -> str:
        """Address of this machine in the network of the servers in containers."""
        return str(ipaddress.IPv4Network(self.docker_subnet)[1])

    @property
    def hub_host(self) -> str:
        """Address the hub itself listens on: this machine alone, or the gateway that the servers in containers reach."""
        return self.gateway if self.mode == "docker" else "127.0.0.1"

    @property
    def servers_url(self) -> str:
        """The proxy's address as single-user servers reach it, with a slash at the end."""
        if self.mode == "docker" and self.host in ("0.0.0.0", "::"):  # noqa: S104 (a comparison, nothing is bound here)
            return f"http://{self.gateway}:{self.port}/"
        return self.local_url

    @property
    def address(self) -> str:
        """The address people open, with a slash at the end."""
        return self.public_url or f"http://{_url_host(self.host)}:{self.port}/"

    @property
    def access(self) -> str:
        """How people reach this hub, for the statistics: over a network unless only this machine can (``TIDELAB_ACCESS``)."""
        chosen = os.environ.get("TIDELAB_ACCESS", "")
        alone = self.host in ("localhost", self.gateway) or ipaddress.ip_address(self.host).is_loopback
        return chosen or ("local" if alone and not self.public_url else "virtual")

    @property
    def bind_url(self) -> str:
        """The address the proxy listens on."""
        return f"http://{_url_host(self.host, any_to_local=False)}:{self.port}/"

    @property
    def local_url(self) -> str:
        """The proxy's address as processes on this machine reach it."""
        return f"http://{_url_host(self.host)}:{self.port}/"

    @property
    def folder(self) -> Path:
        """Folder of the hub's own files: database, cookie secret, accounts."""
        return paths.data() / "hub"


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    SettingsError
        A variable breaks its rule; the text names each one.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(explain(error, PREFIX)) from None
    except Exception as error:
        # pydantic-settings raises its own SettingsError for a value that is not JSON where a list is expected
        raise SettingsError(
            f'The hub cannot start: {error}. Lists are written as JSON, e.g. ["apps"].'
        ) from None


def _url_host(host: str, *, any_to_local: bool = True) -> str:
    if any_to_local and host in ("0.0.0.0", "::"):  # noqa: S104 (a comparison, nothing is bound here)
        host = "127.0.0.1"
    return f"[{host}]" if ":" in host else host
