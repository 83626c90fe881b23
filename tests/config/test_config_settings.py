"""Settings: precedence, types, and sentences that say where a value came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from karst.config.dotenv_file import DotenvValue, parse_dotenv
from karst.config.setting_keys import FORGE_KEYS, SETTING_KEYS, render_env_example
from karst.config.setting_source import Flag, SettingSource
from karst.config.settings import Settings, read_settings
from karst.config.spec import MeshPorts
from karst.errors import ConfigError
from karst.forges.access import VARIABLES
from karst.secret import Secret

EXAMPLE = Path(__file__).parents[2] / "env.example"
DEFAULTS = Settings(
    flask_host="127.0.0.1",
    flask_port=8080,
    flask_socket_path=Path("/run/iac_wrapper.sock"),
    supabase_url=None,
    supabase_service_role_key=None,
    forges={},
    cache_dir=None,
    cache_size=2 << 30,
    fetch_seconds=600,
    offline=False,
    docker_host=None,
    ssh_key=None,
    ssh_known_hosts=None,
    docker_network_name="iacnet",
    docker_registry=None,
    sidecar_image=None,
    base_image="python:{version}-slim",
    ca_bundle=None,
    entrypoint=None,
    ports=MeshPorts(15000, 15001, 9901, 50051),
    secrets_dir=Path("secrets"),
    ca_certificate=None,
    ca_key=None,
    leaf_days=90,
    terraform=None,
    state_dir=Path(".karst"),
    debug=False,
    log_level="INFO",
    otel_endpoint=None,
    otel_service_name="karst",
)


def test_defaults() -> None:
    assert read_settings({}) == DEFAULTS


def test_env_example_names_every_key() -> None:
    assert EXAMPLE.read_text() == render_env_example()
    uncommented = "".join(
        line.removeprefix("#") if "=" in line and " " not in line.split("=")[0] else ""
        for line in EXAMPLE.read_text().splitlines(keepends=True)
    )
    assert set(parse_dotenv(uncommented)) == set(SETTING_KEYS)
    assert read_settings({}, EXAMPLE.read_text()) == DEFAULTS
    assert read_settings({}, uncommented) == DEFAULTS


def test_every_key_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = set()
    find = SettingSource._find

    def spy(self: SettingSource, name: str) -> tuple[str, str]:
        asked.add(name)
        return find(self, name)

    monkeypatch.setattr(SettingSource, "_find", spy)
    read_settings({})
    assert asked == set(SETTING_KEYS)


def test_every_key_in_its_own_type() -> None:
    environ = {
        "FLASK_HOST": "0.0.0.0",
        "FLASK_PORT": "81",
        "FLASK_SOCKET_PATH": "/tmp/s",
        "SUPABASE_URL": "https://x.example",
        "SUPABASE_SERVICE_ROLE_KEY": "canary1",
        **{key.name: "x" for key in FORGE_KEYS},
        "KARST_CACHE_DIR": "/cache",
        "KARST_CACHE_SIZE": "5MiB",
        "KARST_FETCH_SECONDS": "30",
        "KARST_OFFLINE": "yes",
        "DOCKER_HOST": "unix:///var/run/docker.sock",
        "KARST_SSH_KEY": "canary3",
        "KARST_SSH_KNOWN_HOSTS": "/hosts",
        "DOCKER_NETWORK_NAME": "net",
        "DOCKER_REGISTRY": "registry.example:5000",
        "KARST_SIDECAR_IMAGE": "side:1",
        "KARST_BASE_IMAGE": "base",
        "KARST_CA_BUNDLE": "/etc/ca.pem",
        "ENTRYPOINT": "a:b",
        "GRPC_PORT": "4",
        "ENVOY_INBOUND_PORT": "1",
        "ENVOY_OUTBOUND_PORT": "2",
        "ENVOY_ADMIN_PORT": "3",
        "KARST_SECRETS_DIR": "/s",
        "KARST_CA_CERTIFICATE": "cert",
        "KARST_CA_KEY": "canary2",
        "KARST_LEAF_DAYS": "7",
        "KARST_TERRAFORM": "tofu",
        "KARST_STATE_DIR": "/state",
        "DEBUG": "Yes",
        "LOG_LEVEL": "warning",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317",
        "OTEL_SERVICE_NAME": "n",
    }
    assert set(environ) == set(SETTING_KEYS)
    settings = read_settings(environ)
    assert settings == Settings(
        flask_host="0.0.0.0",
        flask_port=81,
        flask_socket_path=Path("/tmp/s"),
        supabase_url="https://x.example",
        supabase_service_role_key=Secret("canary1"),
        forges={key.name: "x" for key in FORGE_KEYS},
        cache_dir=Path("/cache"),
        cache_size=5 << 20,
        fetch_seconds=30,
        offline=True,
        docker_host="unix:///var/run/docker.sock",
        ssh_key=Secret("canary3"),
        ssh_known_hosts="/hosts",
        docker_network_name="net",
        docker_registry="registry.example:5000",
        sidecar_image="side:1",
        base_image="base",
        ca_bundle=Path("/etc/ca.pem"),
        entrypoint="a:b",
        ports=MeshPorts(inbound=1, outbound=2, admin=3, grpc=4),
        secrets_dir=Path("/s"),
        ca_certificate="cert",
        ca_key=Secret("canary2"),
        leaf_days=7,
        terraform="tofu",
        state_dir=Path("/state"),
        debug=True,
        log_level="WARNING",
        otel_endpoint="http://localhost:4317",
        otel_service_name="n",
    )
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "dotenv", "flags", "level"),
    [
        ({"LOG_LEVEL": "ERROR"}, "LOG_LEVEL=WARNING", {"LOG_LEVEL": "DEBUG"}, "DEBUG"),
        ({"LOG_LEVEL": "ERROR"}, "LOG_LEVEL=WARNING", {"LOG_LEVEL": None}, "ERROR"),
        ({}, "LOG_LEVEL=WARNING", {}, "WARNING"),
        ({"LOG_LEVEL": ""}, "LOG_LEVEL=WARNING", {}, "WARNING"),
        ({}, "LOG_LEVEL=", {}, "INFO"),
        ({}, None, {}, "INFO"),
    ],
)
def test_precedence(
    environ: Mapping[str, str],
    dotenv: str | None,
    flags: Mapping[str, Flag],
    level: str,
) -> None:
    assert read_settings(environ, dotenv, flags).log_level == level


def test_what_opens_the_forges_is_kept_together_and_not_shown() -> None:
    found = read_settings({"GH_TOKEN": "t0ken"}, "GITLAB_URL=https://git.example.org\n")
    assert found.forges == {
        "GH_TOKEN": "t0ken",
        "GITLAB_URL": "https://git.example.org",
    }
    assert "t0ken" not in repr(found)


def test_every_variable_that_opens_a_forge_is_a_setting() -> None:
    told = {v.name: (v.description, v.secret) for v in VARIABLES}
    assert told == {key.name: (key.description, key.secret) for key in FORGE_KEYS}


@pytest.mark.parametrize("flag", [True, False])
def test_flags_that_are_truths(flag: bool) -> None:
    assert read_settings({"DEBUG": str(not flag)}, None, {"DEBUG": flag}).debug is flag


@pytest.mark.parametrize(
    ("name", "value", "what", "remedy"),
    [
        ("FLASK_PORT", "http", "is no whole number", "write a number from 1 to 65535"),
        (
            "KARST_LEAF_DAYS",
            "1.5",
            "is no whole number",
            "write a number from 1 to 825",
        ),
        ("KARST_LEAF_DAYS", "-1", "is out of range", "write a number from 1 to 825"),
        ("GRPC_PORT", "0", "is out of range", "write a number from 1 to 65535"),
        (
            "ENVOY_ADMIN_PORT",
            "70000",
            "is out of range",
            "write a number from 1 to 65535",
        ),
        ("KARST_LEAF_DAYS", "900", "is out of range", "write a number from 1 to 825"),
        ("KARST_CACHE_SIZE", "2000", "is no size", "write it as 500MiB or 2GiB"),
        ("KARST_CACHE_SIZE", "2 GB", "is no size", "write it as 500MiB or 2GiB"),
        ("DEBUG", "maybe", "is neither true nor false", "write true or false"),
        (
            "LOG_LEVEL",
            "loud",
            "is no log level",
            "write one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
        ),
        (
            "SUPABASE_URL",
            "x.example",
            "is no URL",
            "write it as https://host or http://host:port",
        ),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://[::1",
            "is no URL",
            "write it as https://host or http://host:port",
        ),
        (
            "DOCKER_HOST",
            "localhost:2375",
            "is no address of an engine",
            "write it as ssh://user@host, tcp://host:2376 or unix:///path/docker.sock",
        ),
        (
            "DOCKER_NETWORK_NAME",
            "bridge",
            "is no name for a network of one's own",
            "that name is the engine's own; choose another, such as iacnet",
        ),
        (
            "KARST_BASE_IMAGE",
            "python:{ver}",
            "holds braces that mean nothing",
            "write {version} where Python's version goes, and no other braces",
        ),
        (
            "KARST_BASE_IMAGE",
            "python:{",
            "holds braces that mean nothing",
            "write {version} where Python's version goes, and no other braces",
        ),
    ],
)
def test_bad_values(name: str, value: str, what: str, remedy: str) -> None:
    origins: list[tuple[dict[str, str], str | None, dict[str, Flag], str]] = [
        ({}, None, {name: value}, f"command line {name}"),
        ({name: value}, None, {}, f"environment variable {name}"),
        ({}, f"# x\n\n{name}={value}\n", {}, f".env:3 {name}"),
    ]
    for environ, dotenv, flags, where in origins:
        with pytest.raises(ConfigError) as caught:
            read_settings(environ, dotenv, flags)
        error = caught.value
        assert (error.where, error.what, error.remedy, error.exit_code) == (
            *(where, f"'{value}' {what}", remedy),
            10,
        )


def test_a_password_in_an_address_is_not_told() -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({"DOCKER_HOST": "ssh://me:canary@host"})
    assert caught.value.what == (
        "'ssh://me:[REDACTED]@host' is no address of an engine"
    )


def test_ports_of_the_sidecar_differ() -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({"ENVOY_ADMIN_PORT": "15000"})
    assert str(caught.value) == (
        "environment variable ENVOY_ADMIN_PORT: "
        "ENVOY_ADMIN_PORT and ENVOY_INBOUND_PORT are both 15000\n"
        "  -> give each of the sidecar's ports a number of its own"
    )


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("KARST_CA_KEY", "KARST_CA_CERTIFICATE"),
        ("KARST_CA_CERTIFICATE", "KARST_CA_KEY"),
    ],
)
def test_half_a_certificate_authority(given: str, missing: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({given: "canary"})
    assert str(caught.value) == (
        f"environment variable {given}: {given} is given without {missing}\n"
        "  -> give both, or neither"
    )


def test_dotenv() -> None:
    text = (
        "\ufeff# a comment\r\n\r\nA=1\r\nexport B='x y' # why\r\n"
        'C="two\\nlines"\nD="two\nlines"\nE=${HOME}\nF=\nA=2\n'
    )
    assert parse_dotenv(text) == {
        "A": DotenvValue("2", 10),
        "B": DotenvValue("x y", 4),
        "C": DotenvValue("two\nlines", 5),
        "D": DotenvValue("two\nlines", 6),
        "E": DotenvValue("${HOME}", 8),
        "F": DotenvValue("", 9),
    }


@pytest.mark.parametrize("line", ["A", "A B=1", "A='x", "=1", 'A="x" y'])
def test_a_line_that_sets_nothing(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_dotenv(f"X=1\n\n{line}\n")
    assert str(caught.value) == (
        ".env:3: this line sets no variable\n"
        "  -> write NAME=value, with quotes around a value of several words or lines"
    )


def test_a_nul_in_dotenv() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_dotenv("A=x\0y\n")
    assert str(caught.value) == (
        ".env:1: a variable can't hold a NUL character\n  -> remove it"
    )
