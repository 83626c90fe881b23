"""Every setting by name: the table behind `read_settings` and env.example."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SettingKey:
    """A variable of the environment or of .env; `default` is "" where there is none."""

    name: str
    default: str
    description: str
    secret: bool = False


SETTING_GROUPS: tuple[tuple[str, tuple[SettingKey, ...]], ...] = (
    (
        "Admin service",
        (
            SettingKey("FLASK_HOST", "127.0.0.1", "Address of the admin API."),
            SettingKey("FLASK_PORT", "8080", "Port of the admin API."),
            SettingKey(
                "FLASK_SOCKET_PATH",
                "/run/iac_wrapper.sock",
                "Unix socket of the admin API.",
            ),
            SettingKey(
                "SUPABASE_URL", "", "Supabase project whose tokens the admin API takes."
            ),
            SettingKey(
                "SUPABASE_SERVICE_ROLE_KEY",
                "",
                "That project's service role key.",
                secret=True,
            ),
        ),
    ),
    (
        "Engine and images",
        (
            SettingKey(
                "DOCKER_HOST", "", "Engine, as unix://, tcp:// or ssh:// address."
            ),
            SettingKey(
                "DOCKER_NETWORK_NAME",
                "iacnet",
                "Mesh network of stacks that do not name one.",
            ),
            SettingKey("DOCKER_REGISTRY", "", "Registry to which built images belong."),
            SettingKey(
                "KARST_SIDECAR_IMAGE",
                "",
                "Image of the sidecars, the doors and the keeper; default: the one that belongs to this karst.",
            ),
            SettingKey(
                "KARST_BASE_IMAGE",
                "python:{version}-slim",
                "Base image of built services; {version} is Python's, such as 3.12.",
            ),
            SettingKey(
                "KARST_CA_BUNDLE",
                "",
                "PEM file of CAs that builds trust, where a proxy re-signs TLS.",
            ),
            SettingKey(
                "ENTRYPOINT",
                "",
                "module:function to start, where one service is addressed.",
            ),
        ),
    ),
    (
        "Mesh",
        (
            SettingKey("GRPC_PORT", "50051", "gRPC port of every service."),
            SettingKey("ENVOY_INBOUND_PORT", "15000", "Envoy's port for callers."),
            SettingKey("ENVOY_OUTBOUND_PORT", "15001", "Envoy's port for the app."),
            SettingKey("ENVOY_ADMIN_PORT", "9901", "Port of Envoy's statistics."),
        ),
    ),
    (
        "Certificates and secrets",
        (
            SettingKey(
                "KARST_SECRETS_DIR",
                "./secrets",
                "Folder of the stack's CA and certificates on a terminal.",
            ),
            SettingKey(
                "KARST_CA_CERTIFICATE", "", "Your own CA: its certificate in PEM."
            ),
            SettingKey("KARST_CA_KEY", "", "Your own CA: its key in PEM.", secret=True),
            SettingKey("KARST_LEAF_DAYS", "90", "Days that a certificate is valid."),
        ),
    ),
    (
        "Terraform",
        (
            SettingKey(
                "KARST_TERRAFORM",
                "",
                "Path of terraform or tofu; default: the one on PATH.",
            ),
            SettingKey(
                "KARST_STATE_DIR", ".karst", "Folder of local state, plans and caches."
            ),
        ),
    ),
    (
        "Logs and traces",
        (
            SettingKey("DEBUG", "false", "Whether failures show tracebacks."),
            SettingKey("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL."),
            SettingKey(
                "OTEL_EXPORTER_OTLP_ENDPOINT", "", "Collector to which traces are sent."
            ),
            SettingKey("OTEL_SERVICE_NAME", "karst", "Name of karst in its traces."),
        ),
    ),
)
SETTING_KEYS = {key.name: key for _, keys in SETTING_GROUPS for key in keys}

_HEAD = """\
# Settings of KarstKit: copy this file to .env and uncomment what you change.
# A flag wins over the environment, the environment over .env. An empty value is none.
"""


def render_env_example() -> str:
    """Return env.example: every key, commented out, with its default."""
    parts = [_HEAD]
    for title, keys in SETTING_GROUPS:
        parts.append(f"\n# --- {title}\n")
        for key in keys:
            secret = " (secret)" if key.secret else ""
            parts.append(f"\n# {key.description}{secret}\n#{key.name}={key.default}\n")
    return "".join(parts)
