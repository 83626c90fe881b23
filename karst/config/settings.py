"""Settings: flag > environment > .env > default, each checked where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from karst.config.setting_keys import FORGE_KEYS
from karst.config.setting_source import Flag, SettingSource
from karst.config.spec import MeshPorts
from karst.errors import ConfigError
from karst.secret import Secret


@dataclass(frozen=True)
class Settings:
    """Every setting of `karst.config.setting_keys`, as its own type.

    Paths are as written: relative ones belong to the folder of repos.yaml. `leaf_days`
    are days, `fetch_seconds` seconds, `cache_size` bytes, `base_image` holds `{version}` where Python's version goes. `forges` are the variables of the group of
    that name that are given, tokens among them.
    """

    flask_host: str
    flask_port: int
    flask_socket_path: Path
    supabase_url: str | None
    supabase_service_role_key: Secret | None
    forges: Mapping[str, str] = field(repr=False)
    cache_dir: Path | None
    cache_size: int
    fetch_seconds: int
    offline: bool
    docker_host: str | None
    ssh_key: Secret | None
    ssh_known_hosts: str | None
    docker_network_name: str
    docker_registry: str | None
    sidecar_image: str | None
    base_image: str
    ca_bundle: Path | None
    entrypoint: str | None
    ports: MeshPorts
    secrets_dir: Path
    ca_certificate: str | None
    ca_key: Secret | None
    leaf_days: int
    terraform: str | None
    state_dir: Path
    debug: bool
    log_level: str
    otel_endpoint: str | None
    otel_service_name: str


def read_settings(
    environ: Mapping[str, str],
    dotenv_text: str | None = None,
    flags: Mapping[str, Flag] | None = None,
) -> Settings:
    """Read every setting; an empty value counts as not given.

    Args:
        environ: the environment.
        dotenv_text: what .env holds, or None where it is not read.
        flags: values from the command line by setting name; None is not given.

    Raises:
        ConfigError: a bad value; its `where` says where the value came from.
    """
    read = SettingSource(environ, dotenv_text, flags or {})
    settings = Settings(
        flask_host=read.text("FLASK_HOST"),
        flask_port=read.port("FLASK_PORT"),
        flask_socket_path=Path(read.text("FLASK_SOCKET_PATH")),
        supabase_url=read.url("SUPABASE_URL"),
        supabase_service_role_key=read.secret("SUPABASE_SERVICE_ROLE_KEY"),
        forges={
            key.name: text for key in FORGE_KEYS if (text := read.optional(key.name))
        },
        cache_dir=read.path("KARST_CACHE_DIR"),
        cache_size=read.size("KARST_CACHE_SIZE"),
        fetch_seconds=read.whole("KARST_FETCH_SECONDS", 1, 86400),
        offline=read.truth("KARST_OFFLINE"),
        docker_host=read.engine("DOCKER_HOST"),
        ssh_key=read.secret("KARST_SSH_KEY"),
        ssh_known_hosts=read.optional("KARST_SSH_KNOWN_HOSTS"),
        docker_network_name=read.network("DOCKER_NETWORK_NAME"),
        docker_registry=read.optional("DOCKER_REGISTRY"),
        sidecar_image=read.optional("KARST_SIDECAR_IMAGE"),
        base_image=read.image_pattern("KARST_BASE_IMAGE"),
        ca_bundle=read.path("KARST_CA_BUNDLE"),
        entrypoint=read.optional("ENTRYPOINT"),
        ports=_ports(read),
        secrets_dir=Path(read.text("KARST_SECRETS_DIR")),
        ca_certificate=read.optional("KARST_CA_CERTIFICATE"),
        ca_key=read.secret("KARST_CA_KEY"),
        leaf_days=read.whole("KARST_LEAF_DAYS", 1, 825),
        terraform=read.optional("KARST_TERRAFORM"),
        state_dir=Path(read.text("KARST_STATE_DIR")),
        debug=read.truth("DEBUG"),
        log_level=read.log_level("LOG_LEVEL"),
        otel_endpoint=read.url("OTEL_EXPORTER_OTLP_ENDPOINT"),
        otel_service_name=read.text("OTEL_SERVICE_NAME"),
    )
    if (settings.ca_certificate is None) != (settings.ca_key is None):
        given, missing = "KARST_CA_CERTIFICATE", "KARST_CA_KEY"
        if settings.ca_certificate is None:
            given, missing = missing, given
        raise ConfigError(
            f"{given} is given without {missing}",
            where=read.where(given),
            remedy="give both, or neither",
        )
    return settings


def _ports(read: SettingSource) -> MeshPorts:
    names = {
        "ENVOY_INBOUND_PORT": read.port("ENVOY_INBOUND_PORT"),
        "ENVOY_OUTBOUND_PORT": read.port("ENVOY_OUTBOUND_PORT"),
        "ENVOY_ADMIN_PORT": read.port("ENVOY_ADMIN_PORT"),
        "GRPC_PORT": read.port("GRPC_PORT"),
    }
    first: dict[int, str] = {}
    for name, port in names.items():
        if port in first:
            raise ConfigError(
                f"{name} and {first[port]} are both {port}",
                where=read.where(name),
                remedy="give each of the sidecar's ports a number of its own",
            )
        first[port] = name
    return MeshPorts(*names.values())
