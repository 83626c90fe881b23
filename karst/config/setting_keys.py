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
        "Forges",
        (
            SettingKey("GITHUB_API_URL", "", "API of the GitHub that gh: means."),
            SettingKey(
                "GH_HOST",
                "",
                "Host of the GitHub that gh: means, where it is another one.",
            ),
            SettingKey(
                "GITHUB_TOKEN",
                "",
                "Token for gh:, read access to contents.",
                secret=True,
            ),
            SettingKey(
                "GH_TOKEN", "", "The same; goes before GITHUB_TOKEN.", secret=True
            ),
            SettingKey(
                "GITHUB_APP_ID",
                "",
                "Id of a GitHub App that may read gh: repositories.",
            ),
            SettingKey(
                "GITHUB_APP_PRIVATE_KEY",
                "",
                "That App's key, as PEM text.",
                secret=True,
            ),
            SettingKey("CI_API_V4_URL", "", "API of the GitLab that gl: means."),
            SettingKey("GITLAB_URL", "", "Address of the GitLab that gl: means."),
            SettingKey(
                "GITLAB_TOKEN", "", "Token for gl:, scope read_api.", secret=True
            ),
            SettingKey(
                "CI_JOB_TOKEN",
                "",
                "Token of the GitLab job, where no other is.",
                secret=True,
            ),
            SettingKey(
                "BITBUCKET_API_URL",
                "",
                "API of Bitbucket, where a proxy stands for it.",
            ),
            SettingKey(
                "BITBUCKET_TOKEN",
                "",
                "Token for bb:, read access to code.",
                secret=True,
            ),
            SettingKey(
                "BITBUCKET_EMAIL",
                "",
                "E-mail of the token's account; none: access token.",
            ),
        ),
    ),
    (
        "Fetching",
        (
            SettingKey(
                "KARST_CACHE_DIR",
                "",
                "Folder of fetched repositories; default: ~/.cache/karstkit/fetched, in a pipeline .karst/cache.",
            ),
            SettingKey(
                "KARST_CACHE_SIZE",
                "2GiB",
                "What that folder may take; what was used longest ago goes first.",
            ),
            SettingKey(
                "KARST_FETCH_SECONDS",
                "600",
                "How long fetching all services may take, in seconds.",
            ),
            SettingKey(
                "KARST_OFFLINE",
                "false",
                "Ask no forge: what repos.lock pins comes from the cache.",
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
                "KARST_SSH_KEY",
                "",
                "Key for an ssh:// engine, as text or path; default: the agent's and ~/.ssh/config's.",
                secret=True,
            ),
            SettingKey(
                "KARST_SSH_KNOWN_HOSTS",
                "",
                "Its host keys, as known_hosts lines or path; default: ~/.ssh/known_hosts.",
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
            SettingKey(
                "LOG_LEVEL",
                "INFO",
                "What is told under way: DEBUG every line (as --verbose), INFO each step, "
                "WARNING, ERROR or CRITICAL nothing.",
            ),
            SettingKey(
                "OTEL_EXPORTER_OTLP_ENDPOINT", "", "Collector to which traces are sent."
            ),
            SettingKey("OTEL_SERVICE_NAME", "karst", "Name of karst in its traces."),
        ),
    ),
)
FORGE_KEYS = next(keys for title, keys in SETTING_GROUPS if title == "Forges")
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
